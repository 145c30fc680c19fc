"""Meaning: from values to RDF (DCAT 3, ODRL, CSVW, PROV, `mmd:`) and SHACL, off the request path.

`description` holds the values, `templates` the one table from values to triples, `turtle` and
`jsonld` the written forms, `negotiation` the choice between them, `shacl` the check in a worker
process, `units` and `labels` the guesses that help a publisher. Only `worker` loads RDF libraries.
"""
