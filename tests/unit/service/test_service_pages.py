"""Kept catalog pages: never of an older catalog, never with offers about to end, never too many."""

from __future__ import annotations

from connector.service.pages import Page, Pages
from connector.service.reading import read

SOON, LATER = "2026-11-24T09:00:00.000Z", "2026-12-01T09:00:00.000Z"


class _Tx:
    """A transaction of which the test says whether it is committed."""

    def __init__(self) -> None:
        self._after = []

    def after(self, wake) -> None:
        self._after.append(wake)

    def commit(self) -> None:
        for wake in self._after:
            wake()


def _page(size: int = 10) -> Page:
    return Page(b"x" * size, 1, None, None)


def _keep(pages: Pages, key: str, page: Page, *, expires: str = LATER) -> None:
    tx = _Tx()
    pages.keep(tx, key, page, generation=pages.generation, expires=expires)
    tx.commit()


def test_a_kept_page_is_found_until_the_catalog_changes():
    pages, page = Pages(), _page()
    _keep(pages, "a", page)
    assert pages.find("a", SOON) is page
    assert pages.find("b", SOON) is None
    pages.change()
    assert pages.find("a", SOON) is None


def test_a_page_of_a_transaction_that_rolled_back_is_not_kept():
    pages = Pages()
    pages.keep(_Tx(), "a", _page(), generation=pages.generation, expires=LATER)
    assert pages.find("a", SOON) is None


def test_a_page_rendered_before_a_change_is_not_kept_after_it():
    pages, tx = Pages(), _Tx()
    pages.keep(tx, "a", _page(), generation=pages.generation, expires=LATER)
    pages.change()
    tx.commit()
    assert pages.find("a", SOON) is None


def test_a_page_is_rendered_anew_once_an_offer_of_it_has_to_be_signed_anew():
    pages = Pages()
    _keep(pages, "a", _page(), expires=SOON)
    assert pages.find("a", SOON) is not None
    assert pages.find("a", LATER) is None


def test_the_oldest_pages_make_room():
    pages = Pages(max_bytes=30)
    for key in "abc":
        _keep(pages, key, _page())
    _keep(pages, "a", _page())  # the same page again takes no more room, and is the newest
    _keep(pages, "d", _page())
    assert [key for key in "abcd" if pages.find(key, SOON)] == ["a", "c", "d"]


def test_the_same_policy_is_read_once_and_another_one_is_not_taken_for_it():
    policy = {"@id": "urn:a", "@type": "Set", "permission": [{"action": "use"}]}
    first = read(policy)
    assert read(dict(policy)) is first
    other = read({**policy, "prohibition": [{"action": "use"}]})
    assert other is not first
    assert other.policy != first.policy
