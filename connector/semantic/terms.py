"""The namespaces, concepts and datatypes that our descriptions use.

The concept tables repeat what `vocab/madang.ttl` says, so that the main process needs no RDF
library to offer a choice or to find an IRI; a test keeps the two equal.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from connector.model import names

DCAT: Final = "http://www.w3.org/ns/dcat#"
DCT: Final = "http://purl.org/dc/terms/"
CSVW: Final = "http://www.w3.org/ns/csvw#"
QUDT: Final = "http://qudt.org/schema/qudt/"
UNIT: Final = "http://qudt.org/vocab/unit/"
HYDRA: Final = "http://www.w3.org/ns/hydra/core#"
FOAF: Final = "http://xmlns.com/foaf/0.1/"
PROV: Final = "http://www.w3.org/ns/prov#"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
SPDX: Final = "http://spdx.org/rdf/terms#"
S4INMA: Final = "https://saref.etsi.org/saref4inma/"
MEDIA_TYPES: Final = "https://www.iana.org/assignments/media-types/"

PREFIXES: Final[dict[str, str]] = {
    "csvw": CSVW,
    "dcat": DCAT,
    "dct": DCT,
    "dspace": names.DSP,
    "edc": names.EDC,
    "foaf": FOAF,
    "mmd": names.MMD,
    "odrl": names.ODRL,
    "prov": PROV,
    "qudt": QUDT,
    "rdf": RDF,
    "rdfs": RDFS,
    "s4inma": S4INMA,
    "skos": SKOS,
    "spdx": SPDX,
    "unit": UNIT,
    "xsd": names.XSD,
}
"""Prefix -> namespace, in the order in which they are written."""

LANGUAGES: Final = ("ko", "en")


class Concept(NamedTuple):
    """A choice: its name below `mmd:` and what people call it."""

    local: str
    ko: str
    en: str

    @property
    def iri(self) -> str:
        """The concept's IRI."""
        return names.MMD + self.local


PROCESSES: Final[dict[str, Concept]] = {
    "injection-moulding": Concept("InjectionMoulding", "사출성형", "injection moulding"),
    "die-casting": Concept("DieCasting", "주조(다이캐스팅)", "die casting"),
    "forming": Concept("Forming", "소성가공", "metal forming"),
    "machining": Concept("Machining", "절삭가공", "machining"),
    "welding": Concept("Welding", "용접", "welding"),
    "plating": Concept("Plating", "도금", "plating"),
    "heat-treatment": Concept("HeatTreatment", "열처리", "heat treatment"),
    "drying": Concept("Drying", "건조", "drying"),
    "melting": Concept("Melting", "용해", "melting"),
    "sterilising": Concept("Sterilising", "살균", "sterilising"),
    "packing": Concept("Packing", "포장", "packing"),
    "mixing": Concept("Mixing", "혼합", "mixing"),
    "assembly": Concept("Assembly", "조립", "assembly"),
    "battery-pack": Concept("BatteryPack", "배터리팩 제조", "battery pack manufacturing"),
}
DATA_CLASSES: Final[dict[str, Concept]] = {
    "equipment": Concept("EquipmentData", "장비 데이터", "equipment data"),
    "operations": Concept("OperationsData", "운영 데이터", "operations data"),
    "customer": Concept("CustomerExperienceData", "고객경험 데이터", "customer experience data"),
}
USES: Final[dict[str, Concept]] = {
    "quality-assurance": Concept("QualityAssurance", "품질보증", "quality assurance"),
    "predictive-maintenance": Concept("PredictiveMaintenance", "예지보전", "predictive maintenance"),
    "process-optimisation": Concept("ProcessOptimisation", "공정최적화", "process optimisation"),
    "energy": Concept("EnergyManagement", "에너지 관리", "energy management"),
    "supply-chain": Concept("SupplyChainOptimisation", "공급망최적화", "supply chain optimisation"),
}
CONFIDENTIALITY: Final[dict[str, Concept]] = {
    "public": Concept("Public", "공개", "public"),
    "limited-provision": Concept("LimitedProvision", "한정제공", "limited provision"),
    "trade-secret": Concept("TradeSecret", "영업비밀", "trade secret"),
    "national-core-technology": Concept("NationalCoreTechnology", "국가핵심기술", "national core technology"),
}
SCHEMES: Final[dict[str, dict[str, Concept]]] = {
    "ProcessScheme": PROCESSES,
    "DataClassScheme": DATA_CLASSES,
    "UseScheme": USES,
    "ConfidentialityScheme": CONFIDENTIALITY,
}
"""Concept scheme (name below `mmd:`) -> notation -> concept."""

NUMERIC: Final = frozenset({"integer", "decimal", "double", "float"})
DATATYPES: Final = NUMERIC | {
    "string", "boolean", "date", "dateTime", "time", "duration", "gYear", "hexBinary",
    "base64Binary", "anyURI",
}  # fmt: skip
"""Column datatypes (CSVW 5.11.1): these are names of XML Schema."""


_LOCAL: Final = re.compile(r"[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9_])?")


_NAMESPACES: Final = tuple((namespace, prefix + ":") for prefix, namespace in PREFIXES.items())


def compact(iri: str) -> str:
    """The prefixed name of an IRI below a known namespace, else "".

    Only plain local names are shortened, so that the result is valid in Turtle and JSON-LD alike.
    """
    for namespace, prefix in _NAMESPACES:
        if iri.startswith(namespace) and _LOCAL.fullmatch(iri, len(namespace)):
            return prefix + iri[len(namespace) :]
    return ""
