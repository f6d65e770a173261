"""The verb `rehearse`: what the next renewal of each certificate of this plugin needs, without an order."""
