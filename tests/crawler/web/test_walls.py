import pytest

from crawler.web.walls import wall


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, {}, b"<div class='g-recaptcha'></div>"),
        (429, {}, b"Our systems have detected unusual traffic from your network"),
        (403, {}, b"Sorry, you have been blocked"),
        (503, {}, b"Verify you are human by completing the action below"),
        (403, {"cf-mitigated": "challenge"}, b""),
        (405, {"x-amzn-waf-action": "captcha"}, b""),
    ],
)
def test_walls(status: int, headers: dict[str, str], body: bytes) -> None:
    assert wall(status, headers, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"a page about captcha"),
        (404, b"captcha"),
        (500, b"captcha"),
        (403, b"<Error><Code>AccessDenied</Code></Error>"),
        (403, b"URL signature expired"),
        (401, b'{"error": {"message": "Invalid OAuth access token"}}'),
        (429, b'{"message": "Too many requests"}'),
        (503, b"Service unavailable"),
    ],
)
def test_plain_failures(status: int, body: bytes) -> None:
    assert wall(status, {}, body) is None
