#!/bin/sh
# What a connector offers to everybody, as Turtle and as JSON-LD: sh catalog.sh https://factory-a.example
set -eu
curl -fsS -H 'Accept: text/turtle' "${1:?address of the connector}/catalog"
curl -fsS -H 'Accept: application/ld+json' "$1/catalog"
