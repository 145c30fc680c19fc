"""The words of the public pages, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = ("ko", "en")
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "other": ("English", "한국어"),
    "nav": ("둘러보기", "navigation"),
    "home": ("참여자", "Participant"),
    "catalog": ("데이터 카탈로그", "Data catalog"),
    "forms": ("같은 내용을 기계가 읽는 형식으로", "The same for machines"),
    "dump": ("카탈로그 전체 (N-Triples)", "the whole catalog (N-Triples)"),
    "seen_by_all": (
        "누구나 볼 수 있는 내용입니다. 상대에 따라 더 보일 수 있습니다.",
        "This is what everybody may see. Known partners may see more.",
    ),
    "seen_by": ("다음 참여자로 확인되어 보이는 내용입니다:", "Shown to a caller that proved to be:"),
    "did": ("식별자 (DID)", "Identifier (DID)"),
    "dsp": ("데이터스페이스 프로토콜 주소", "Dataspace Protocol address"),
    "what_it_offers": ("제공하는 데이터", "What it offers"),
    "how_it_works": (
        "데이터는 공장에 있습니다. 여기에는 설명만 있고, 양쪽이 서명한 계약이 있어야 데이터가 나갑니다.",
        "The data stays in the plant. Only its description is here; the data leaves under a contract that both sides have signed.",
    ),
    "nothing": ("지금 누구나 볼 수 있는 데이터가 없습니다.", "There is nothing here that you may see now."),
    "whole_catalog": ("카탈로그 보기", "See the catalog"),
    "next": ("다음", "Next"),
    "previous": ("이전", "Previous"),
    "rows": ("{}행", "{} rows"),
    "columns_count": ("열 {}개", "{} columns"),
    "facts": ("기본 정보", "About this dataset"),
    "publisher": ("제공자", "Offered by"),
    "process": ("제조 공정", "Manufacturing process"),
    "data_class": ("데이터 구분", "Class of data"),
    "confidentiality": ("비밀등급", "Confidentiality"),
    "personal_data": ("개인정보", "Personal data"),
    "personal_yes": ("들어 있음", "contained"),
    "personal_no": ("들어 있지 않음", "not contained"),
    "generator": ("데이터 생성자 (사용·수익권자)", "Who may use it and profit from it"),
    "equipment": ("설비", "Equipment"),
    "keywords": ("핵심어", "Keywords"),
    "derived_from": ("만들어진 바탕", "Made from"),
    "media_type": ("파일 형식", "Media type"),
    "encoding": ("문자 인코딩", "Character encoding"),
    "size": ("크기", "Size"),
    "bytes": ("{} 바이트", "{} bytes"),
    "row_count": ("행 수", "Rows"),
    "sha256": ("SHA-256", "SHA-256"),
    "version": ("판", "Version"),
    "issued": ("발행", "Issued"),
    "modified": ("고침", "Modified"),
    "identifier": ("이름", "Name on the wire"),
    "columns": ("데이터 항목", "Columns"),
    "column": ("항목", "Column"),
    "meaning": ("뜻", "Meaning"),
    "datatype": ("자료형", "Type"),
    "unit": ("단위", "Unit"),
    "range": ("범위", "Range"),
    "unitless": ("단위 없음", "no unit"),
    "terms": ("이용 조건", "Terms of use"),
    "terms_several": (
        "다음 제안 가운데 하나를 골라 계약합니다.",
        "Choose one of these offers for a contract.",
    ),
    "offer": ("제안", "Offer"),
    "unreadable": (
        "이 조건은 말로 옮길 수 없습니다. 기계가 읽는 형식을 보세요.",
        "These terms cannot be put into words; see the form for machines.",
    ),
    "kept_how": ("무엇이 이 조건을 지키게 하나", "What stands behind these terms"),
    "enforced": ("이 커넥터가 막습니다", "enforced by this connector"),
    "evidenced": ("기록으로 확인됩니다", "evidenced by records"),
    "promised": ("상대의 약속입니다", "only promised"),
    "ask": ("이용을 요청하려면", "How to ask for it"),
    "ask_madang": ("마당 커넥터가 있으면:", "With a Madang connector of your own:"),
    "ask_curl": (
        "같은 요청을 내 커넥터의 관리 API로:",
        "The same through the management API of your connector:",
    ),
    "read_curl": ("커넥터 없이 이 설명만 읽으려면:", "To read this description without a connector:"),
    "ended_title": ("더는 제공하지 않는 데이터입니다", "This is not offered any more"),
    "ended_version_title": ("지난 판입니다", "This is an older version"),
    "ended_at": ("제공이 끝난 때", "Offered until"),
    "ended_contracts": (
        "이미 맺은 계약은 그대로 지켜집니다.",
        "Contracts that were made over it go on as they say.",
    ),
    "replaced_by": ("지금 제공하는 판", "The version that is offered now"),
    "error_404": ("여기에는 아무것도 없습니다", "There is nothing here"),
    "error_404_why": (
        "주소가 틀렸거나, 이 데이터를 볼 수 있는 상대로 확인되지 않았습니다.",
        "The address is wrong, or you have not shown that you may see what it names.",
    ),
    "error_400": ("주소를 이해할 수 없습니다", "The address cannot be understood"),
    "error_400_why": ("주소의 값이 올바르지 않습니다.", "A value in the address is not valid."),
}


def say(code: str, language: str, *parts: object) -> str:
    """A text in a language (`ko` or `en`), its `{}` filled."""
    text = TEXTS[code][LANGUAGES.index(language)]
    return text.format(*parts) if parts else text
