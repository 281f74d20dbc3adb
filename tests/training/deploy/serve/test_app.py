"""Answers of a real server, and that they are those of `lostfound predict`."""

import json
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.training.deploy.serve.serving import JPEG, Served, photo, reason, serving, several
from tests.training.shardmaker import PLACES
from training.deploy.predict import predict_images
from training.deploy.serve.core import Core


def close(found: dict, expected: dict) -> None:
    """The same answer; the network's sums may differ in their last digits by the batch."""
    for name in ("countries", "regions", "continents"):
        assert [{**row, "probability": 0} for row in found[name]] == [
            {**row, "probability": 0} for row in expected[name]
        ]
        assert [row["probability"] for row in found[name]] == pytest.approx(
            [row["probability"] for row in expected[name]], abs=1e-6
        )
    assert found["position"] == pytest.approx(expected["position"], abs=1e-6)


def test_one_image_as_predict_answers_it(served: Served, run: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.png"
    Image.new("LA", (9, 300), (90, 128)).save(odd)
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.effect_noise((90, 40), 80).convert("RGB").save(turned, exif=exif)
    jpeg = tmp_path / "a.jpg"
    jpeg.write_bytes(photo(2, 400, 300))
    for path in (odd, turned, jpeg):
        answer = httpx2.post(
            f"{served.url}/v1/predict?top=3", content=path.read_bytes(), headers=JPEG
        )
        assert answer.status_code == 200
        (found,) = answer.json()["predictions"]
        close(found, predict_images(run, [path], 3)[0])
        assert list(found["within_km"]) == ["50%", "90%"]
        assert found["within_km"]["50%"] <= found["within_km"]["90%"]


def test_several_images_and_a_broken_one(served: Served, run: Path, tmp_path: Path) -> None:
    files = [photo(0), photo(3)[:900], photo(1), photo(2)]
    paths = [tmp_path / f"{number}.jpg" for number in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    url = f"{served.url}/v1/predict?top=2"
    found = httpx2.post(url, json=several(*files)).json()["predictions"]
    assert [entry["image"] for entry in found] == [0, 1, 2, 3]
    assert found[1]["error"]["reason"] == "bad_image"
    expected = predict_images(run, paths, 2)
    for number in (0, 2, 3):
        close(found[number], expected[number])
    fused = httpx2.post(f"{url}&together=true", json=several(*files)).json()["predictions"]
    assert [entry.get("image", entry.get("images")) for entry in fused] == [1, [0, 2, 3]]
    close(fused[1], predict_images(run, paths, 2, together=True)[-1])


def test_what_the_model_is(served: Served, core: Core) -> None:
    about = httpx2.get(f"{served.url}/v1/model").json()
    assert about["sha256"] == core.sha256
    assert [country["code"] for country in about["countries"]] == [p.code for p in PLACES]
    assert about["preprocessing"]["width"] == 32
    assert [region["id"] for region in about["regions"]] == [p.region_id for p in PLACES]


def test_state_headers_and_request_ids(served: Served) -> None:
    assert httpx2.get(f"{served.url}/healthz").json() == {"status": "alive"}
    answer = httpx2.get(f"{served.url}/readyz", headers={"X-Request-Id": "mine-1"})
    assert answer.json() == {"status": "ready"}
    assert answer.headers["x-request-id"] == "mine-1"
    forged = httpx2.get(f"{served.url}/readyz", headers={"X-Request-Id": "a b; c"})
    assert len(forged.headers["x-request-id"]) == 16
    assert "unsafe-inline" not in answer.headers["content-security-policy"]
    assert "server" not in answer.headers


def test_errors_have_a_reason_and_one_line(served: Served) -> None:
    url = f"{served.url}/v1/predict"
    assert reason(httpx2.get(f"{served.url}/absent")) == (404, "not_found")
    assert reason(httpx2.get(f"{served.url}/page/../app.py")) == (404, "not_found")
    assert reason(httpx2.get(url)) == (405, "wrong_method")
    assert reason(httpx2.post(url + "?top=0", content=photo())) == (400, "bad_parameter")
    assert reason(httpx2.post(url, content=b"")) == (400, "empty")
    assert reason(httpx2.post(url, content=b"GIF8 no")) == (415, "not_an_image")
    assert reason(httpx2.post(url, files={"image": photo()})) == (415, "wrong_type")
    for body in ({}, {"images": []}, {"images": ["%%"]}, {"images": [], "k": 1}, [], {"images": 7}):
        assert reason(httpx2.post(url, json=body)) == (400, "bad_json")
    assert reason(httpx2.post(url, json=several(*[b"x"] * 17))) == (413, "too_many_images")
    deep = b'{"images": ' + b"[" * 100_000
    answer = httpx2.post(url, content=deep, headers={"Content-Type": "application/json"})
    assert reason(answer) == (400, "bad_json")
    assert reason(httpx2.get(url, headers={"Host": "evil.example"})) == (421, "bad_host")


def test_a_token_guards_the_api_and_nothing_else(core: Core) -> None:
    with serving(core, token="s3cret", allowed_hosts=()) as guarded:
        for path in ("/v1/model", "/metrics"):
            assert reason(httpx2.get(guarded.url + path)) == (401, "no_token")
            wrong = httpx2.get(guarded.url + path, headers={"Authorization": "Bearer s3cre"})
            assert wrong.status_code == 401
            right = httpx2.get(guarded.url + path, headers={"Authorization": "Bearer s3cret"})
            assert right.status_code == 200
        assert reason(httpx2.post(f"{guarded.url}/v1/predict", content=photo())) == (
            401,
            "no_token",
        )
        for path in ("/", "/healthz", "/readyz", "/docs"):
            assert httpx2.get(guarded.url + path, headers={"Host": "any"}).status_code == 200


def test_the_description_names_every_route_and_error(served: Served) -> None:
    api = httpx2.get(f"{served.url}/openapi.json").json()
    assert set(api["paths"]) == {"/v1/predict", "/v1/model", "/healthz", "/readyz", "/metrics"}
    post = api["paths"]["/v1/predict"]["post"]
    assert set(post["requestBody"]["content"]) == {"image/*", "application/json"}
    assert {"200", "400", "401", "413", "415", "422", "503"} <= set(post["responses"])
    assert "$defs" not in json.dumps(api)


def test_what_is_counted(core: Core) -> None:
    with serving(core) as own:
        for number in range(3):
            httpx2.post(f"{own.url}/v1/predict", content=photo(number))
        httpx2.post(f"{own.url}/v1/predict", content=b"no")
        text = httpx2.get(f"{own.url}/metrics").text
        assert 'lostfound_requests_total{route="/v1/predict",status="200"} 3.0' in text
        assert 'lostfound_refused_total{reason="not_an_image"} 1.0' in text
        assert "lostfound_batch_images_sum 3.0" in text
        assert f'lostfound_model_info{{sha256="{core.sha256}"}} 1.0' in text
        assert own.metrics.summary() == {"requests": 5, "images": 3, "batches": 3, "refused": 1}
