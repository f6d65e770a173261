"""The providers of lego 5.5.1, as they are in certbot-dns-multi 5.5.1.

`IN_MEMORY` has those that keep the id of a record in memory between adding and removing. The process that removes does
not know it: most of them then fail ("unknown record ID"), and easydns, gandi, gandiv5 and glesys leave the record and
report success. The list was made from lego's source: of each provider, what `CleanUp` takes from a map of its struct
(``providers/dns/*/*.go`` and ``providers/dns/internal``, lego 5.3.1), and from the messages ``NAME: unknown … ID`` in
the library of 5.5.1. The test of the sweep compares it with these messages of the installed library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from certbot_external_auth.providers.engine import Kind, Problem, Provider

VERSION = "5.5.1"
_NAMES = """
    abion acme-dns acmedns active24 alidns aliesa allinkl alwaysdata anexia artfiles arvancloud auroradns autodns
    axelname azion azuredns baiducloud beget binarylane bindman bluecat bluecatv2 bookmyname bunny checkdomain civo
    clouddns cloudflare cloudns cloudru com35 connbyte conoha conohav3 constellix corenetworks cpanel curanet
    czechia dandomain ddnss derak desec designate digitalocean dinahosting directadmin dns51 dnscale dnsexit
    dnshomede dnsimple dnsla dnsmadeeasy dnsmint dnsservices dnsupdate dode domainnameshop domeneshop dreamhost
    duckdns dyn dynadot dyndnsfree dynu easydns edgecenter edgedns edgeone efficientip epik eurodns euserv excedo
    exec exoscale f5xc fastdns feno fornex freemyip gandi gandiv5 gcloud gcore gehirn gigahostno glesys gname
    godaddy gravity hetzner hostingde hostinger hostingnl hosttech hostup httpnet httpreq huaweicloud hurricane
    hyperone ibmcloud iijdpf infoblox infomaniak internetbs inwx ionos ionoscloud ipv64 ispconfig ispconfigddns
    jdcloud joker katapult keyhelp leaseweb liara lightsail limacity linode linodev4 liquidweb loopia luadns
    mailinabox manageengine manual metaname metaregistrar mijnhost mittwald myaddr mydnsjp myra mythicbeasts
    namecheap namedotcom namesilo namesurfer nearlyfreespeech nederhost neodigit netcup netlify netnod nexdns ngenix
    nicmanager nicru nifcloud njalla nodion ns1 octenium omglol onecloudru onlinenet openprovider opusdns
    oraclecloud otc ovh pdns plesk pointdns porkbun poweradmin rackspace rage4 rainyun rcodezero regfish regru
    rfc2136 rimuhosting route53 safedns sakuracloud scaleway scannet selectel selectelv2 selfhostde servercow
    shellrent simply sonic spaceship stackpath syse technitium tele3 tencentcloud timewebcloud todaynic transip
    ucloud ultradns uniteddomains variomedia veesp vegadns vercel versio vinyldns virtualname vkcloud volcengine
    vscale vultr wannafind webglobe webnames webnamesca webnamesru websupport wedos westcn xinnet yandex yandex360
    yandexcloud zilore zoneedit zoneee zonomi
"""
NAMES = frozenset(_NAMES.split())
LOOKING_ABOUT = frozenset(("azuredns", "gcloud"))
"""These ask the network about credentials as soon as they are loaded, so they are not asked what they need."""
ASKED = NAMES - LOOKING_ABOUT
OTHER_USES = {"manual": "it asks a person", "exec": "it calls a program of yours; name that as handler"}
TWINS = """
    allinkl acme.sh:kas
    arvancloud acme.sh:arvan lexicon:arvancloud
    auroradns acme.sh:aurora lexicon:aurora
    cloudflare acme.sh:cf lexicon:cloudflare certbot:dns-cloudflare
    digitalocean acme.sh:dgon lexicon:digitalocean certbot:dns-digitalocean
    dnsla acme.sh:la
    dnsservices acme.sh:dnsservices lexicon:dnsservices
    easydns acme.sh:easydns lexicon:easydns
    feno acme.sh:feno
    fornex acme.sh:fornex
    gandi acme.sh:gandi_livedns lexicon:gandi
    gandiv5 acme.sh:gandi_livedns lexicon:gandi
    gehirn lexicon:gehirn certbot:dns-gehirn
    glesys lexicon:glesys
    gname acme.sh:gname
    hostup acme.sh:hostup
    huaweicloud acme.sh:huaweicloud
    infoblox acme.sh:infoblox lexicon:infoblox
    infomaniak acme.sh:infomaniak lexicon:infomaniak certbot:dns-infomaniak
    ionoscloud acme.sh:ionos_cloud
    ispconfig acme.sh:ispconfig lego:ispconfigddns
    jdcloud acme.sh:jd
    limacity acme.sh:limacity
    loopia acme.sh:loopia
    luadns acme.sh:lua lexicon:luadns certbot:dns-luadns
    neodigit acme.sh:neodigit
    netlify acme.sh:netlify
    njalla acme.sh:njalla lexicon:njalla
    omglol acme.sh:omglol
    openprovider acme.sh:openprovider
    ovh acme.sh:ovh lexicon:ovh certbot:dns-ovh
    plesk acme.sh:pleskxml lexicon:plesk
    pointdns acme.sh:pointhq lexicon:pointhq
    porkbun acme.sh:porkbun lexicon:porkbun certbot:dns-porkbun
    poweradmin acme.sh:poweradmin
    rage4 acme.sh:rage4 lexicon:rage4
    regfish lexicon:regfish
    safedns lexicon:safedns
    selfhostde acme.sh:selfhost
    simply acme.sh:simply
    timewebcloud acme.sh:timeweb lexicon:timeweb
    variomedia acme.sh:variomedia
    veesp acme.sh:veesp
    vercel acme.sh:vercel lexicon:vercel
    westcn acme.sh:west_cn
    yandex360 acme.sh:yandex360
    zilore acme.sh:zilore lexicon:zilore
"""
"""Providers in memory that another engine has under this name."""
WITHOUT_TWIN = """
    aliesa binarylane bluecatv2 cloudru com35 connbyte derak dns51 dnscale edgeone excedo gravity hostingnl hosttech
    katapult keyhelp liara liquidweb metaname mittwald myra namesurfer nexdns nodion octenium onecloudru shellrent
    syse todaynic virtualname volcengine webglobe xinnet
"""
IN_MEMORY = {name: tuple(twins) for name, *twins in map(str.split, [*TWINS.split("\n")[1:-1], *WITHOUT_TWIN.split()])}


def refused(name: str) -> Problem | None:
    """Return why a provider cannot be used through lego; None if it can."""
    if name in OTHER_USES:
        return Problem(Kind.REFUSED, {"name": name, "why": OTHER_USES[name], "instead": ()})
    if name not in IN_MEMORY:
        return None
    why = "lego remembers the record only in the process that added it, so another process could not remove it"
    return Problem(Kind.REFUSED, {"name": name, "why": why, "instead": IN_MEMORY[name]})


def unasked() -> list[Provider]:
    """Return the providers that are not asked what they need, so that nothing but their names is known."""
    return [Provider(name, name) for name in sorted(LOOKING_ABOUT)]


def provider(name: str, ask: Callable[[], Sequence[Provider]]) -> Provider | None:
    """Return a provider; None if lego does not have it. :param ask: asks lego about it."""
    if name not in NAMES:
        return None
    if name in LOOKING_ABOUT or refused(name) is not None:
        return Provider(name, name, refused=refused(name))
    return next(iter(ask()), None)
