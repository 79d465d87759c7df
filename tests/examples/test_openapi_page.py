"""The page that shows an OpenAPI document, in a browser that may load nothing from elsewhere."""

import pytest
from tests.examples.browser import Browser
from tests.support.services import Serve
from tests.support.waiting import until

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.gate]


def test_the_page_shows_and_tries_operations(serve: Serve, browser: Browser) -> None:
    service = serve("examples/items.py")
    browser.open(f"{service.url}/docs")
    driver = browser.driver

    def found(selector: str) -> list[str]:
        return [element.text for element in driver.find_elements("css selector", selector)]

    until(lambda: len(found(".opblock")) >= 6, "the operations")
    assert found(".info .title")[0].startswith("Items")
    driver.find_element("id", "operations-items-list_items").click()
    until(lambda: driver.find_elements("css selector", ".try-out__btn"), "the button")
    driver.find_element("css selector", ".try-out__btn").click()
    until(lambda: driver.find_elements("css selector", ".execute"), "the other button")
    driver.execute_script("document.querySelector('.execute').click()")
    until(lambda: "200" in found(".live-responses-table .response-col_status")[-1:], "the answer")
    hosts = {event["request"]["url"].split("/")[2] for event in browser.network("requestWillBeSent")
             if event["request"]["url"].startswith("http")}  # fmt: skip
    assert hosts == {service.url.split("/")[2]}  # works without a network
    assert browser.complaints() == []
