"""Says why a provider cannot be used, and what to do. Pure functions."""

from __future__ import annotations

from certbot_external_auth.providers.engine import Kind, Problem

FLAG = "--external-auth-provider"


def sentence(provider: str, problem: Problem) -> str:
    """Write a problem. :param provider: the value of the flag."""
    return f"{FLAG} {provider}: {end(provider, problem)}"


def end(provider: str, problem: Problem) -> str:
    """Write a problem behind the name of the provider."""
    engine, facts = provider.partition(":")[0], problem.facts
    if problem.kind is Kind.ENGINE_MISSING:
        why = f" ({facts['why']})" if facts["why"] else ""
        return f"this needs {facts['what']}, which is not installed here{why}; run: {_or(facts['commands'])}"
    if problem.kind is Kind.NAME_MISSING:
        return f"the provider is missing; name it behind a colon: {engine}:NAME"
    if problem.kind is Kind.NAME_NOT_NEEDED:
        return f"{engine} has no names of providers; leave out :{facts['name']}"
    if problem.kind is Kind.UNKNOWN_PROVIDER:
        return f"{engine} knows no provider {facts['name']}{_hints(engine, problem)}{_package(engine, facts['name'])}"
    if problem.kind is Kind.REFUSED:
        instead = f"; use {_or(facts['instead'])}" if facts["instead"] else ""
        return f"{facts['why']}{instead}."
    if problem.kind is Kind.VARIABLE_MISSING:
        described = f" ({facts['description']})" if facts["description"] else ""
        return f"the variable {facts['name']}{described} is missing; set it in the file of --external-auth-env-file."
    if problem.kind is Kind.VARIABLE_WRONG:
        return f"the variable {facts['name']} is not accepted: {facts['why']}."
    if problem.kind is Kind.NONE_SET:
        return f"none of its variables is set in the file of --external-auth-env-file: {', '.join(facts['names'])}."
    if problem.kind is Kind.SAID:
        return f"{engine} says: {facts['text']}"
    if problem.kind is Kind.SECRETS_READABLE:
        return f"every user of this machine can read the secrets in {facts['path']}; run: chmod 600 {facts['path']}"
    return str(facts["text"])


def _hints(engine: str, problem: Problem) -> str:
    near = [f"{engine}:{name}" for name in problem.facts["near"]]
    others = problem.facts["others"]
    use = f"; another engine of this machine does: {_or(others)}" if others else ""
    return use + (f"; did you mean {_or(near)}?" if near else "" if use else ".")


def _package(engine: str, name: object) -> str:
    """Name the package that a DNS plugin of Certbot's most often has."""
    wanted = engine == "certbot" and str(name).startswith("dns-")
    return f" If it was there before, install its package beside Certbot, such as certbot-{name}." if wanted else ""


def _or(words: object) -> str:
    return " or ".join(map(str, words)) if isinstance(words, (list, tuple)) else str(words)
