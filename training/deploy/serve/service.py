"""One prediction request from its body to its answer, within the limits."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from training.data.images import Pixels
from training.deploy.serve.batcher import Batcher, ClosedError, FullError
from training.deploy.serve.body import Budget, read_body
from training.deploy.serve.core import Core, Place
from training.deploy.serve.metrics import Metrics
from training.deploy.serve.refusal import Refusal, busy
from training.deploy.serve.schema import PredictRequest
from training.deploy.serve.settings import Settings

T = TypeVar("T")


class Service:
    def __init__(self, core: Core, settings: Settings, metrics: Metrics) -> None:
        self.core = core
        self.ready = False
        self._settings = settings
        self._metrics = metrics
        self._budget = Budget(settings.max_held_bytes)
        self._running = 0
        metrics.model.labels(core.sha256).set(1)
        metrics.held.set_function(lambda: self._budget.held)
        metrics.in_progress.set_function(lambda: self._running)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ready to predict; at the end, what has begun is answered first."""
        settings = self._settings
        self._decoders = ThreadPoolExecutor(settings.decoders, thread_name_prefix="decode")
        self._batcher = Batcher[Place, dict[str, Any]](
            self._work,
            max_batch=settings.max_batch,
            max_wait_s=settings.max_wait_ms / 1000,
            max_waiting=settings.max_waiting,
            size=lambda place: len(place.views),
        )
        self._metrics.waiting.set_function(lambda: self._batcher.waiting)
        self._batcher.start()
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            await self._batcher.close()
            self._decoders.shutdown(cancel_futures=True)

    async def predict(self, request: Request, top: int, together: bool) -> list[dict[str, Any]]:
        """An entry for each image, in order; `together`: the errors, then one for all others."""
        if not self.ready:
            raise Refusal(503, "stopping", "the server is starting or stopping; try again")
        if self._running >= self._settings.max_requests:
            raise busy(f"{self._running} predictions are in progress")
        self._running += 1
        try:
            return await self._predict(request, top, together)
        finally:
            self._running -= 1

    async def _predict(self, request: Request, top: int, together: bool) -> list[dict[str, Any]]:
        settings = self._settings
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind.startswith("multipart/"):
            message = "send the image file itself as the body (curl --data-binary @file), or JSON"
            raise Refusal(415, "wrong_type", f"{kind}: {message}")
        with self._budget.share() as share:
            body = await read_body(request, share, settings.max_body_bytes, settings.body_seconds)
            request.state.log = {"bytes": len(body)}
            return await self._until_gone(
                request, self._answer(body, kind == "application/json", top, together)
            )

    async def _answer(
        self, body: bytes, is_json: bool, top: int, together: bool
    ) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(self._settings.answer_seconds):
                files = await self._in_decoder(self._files, body) if is_json else [body]
                views = await self._views(files)
                if not is_json and isinstance(views[0], Refusal):
                    raise views[0]
                return await self._answers(views, top, together)
        except TimeoutError:
            message = f"no answer within {self._settings.answer_seconds:g} s; try again later"
            raise Refusal(504, "too_slow", message) from None
        except FullError:
            raise busy(f"{self._batcher.waiting} images are waiting") from None
        except ClosedError:
            raise Refusal(503, "stopping", "the server is stopping; try again") from None

    def _files(self, body: bytes) -> list[bytes]:
        try:
            images = PredictRequest.model_validate_json(body).images
        except ValidationError as error:
            problem = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, problem["loc"])) or "body"
            message = f'{place}: {problem["msg"]}; send {{"images": [base64, …]}}'
            raise Refusal(400, "bad_json", message) from None
        most = self._settings.max_images
        if len(images) > most:
            raise Refusal(
                413, "too_many_images", f"{len(images)} images, at most {most}; send fewer"
            )
        return [_decoded(text, number) for number, text in enumerate(images)]

    async def _views(self, files: Sequence[bytes]) -> list[Pixels | Refusal]:
        names = ["image"] if len(files) == 1 else [f"image {n}" for n in range(len(files))]
        pairs = zip(files, names, strict=True)
        return list(await asyncio.gather(*(self._in_decoder(self._view, *pair) for pair in pairs)))

    def _view(self, data: bytes, name: str) -> Pixels | Refusal:
        try:
            return self.core.view(data, name)
        except Refusal as refusal:
            self._metrics.bad_images.labels(refusal.reason).inc()
            return refusal

    async def _answers(
        self, views: list[Pixels | Refusal], top: int, together: bool
    ) -> list[dict[str, Any]]:
        good = {n: view for n, view in enumerate(views) if not isinstance(view, Refusal)}
        bad = {n: view.content for n, view in enumerate(views) if isinstance(view, Refusal)}
        if together and good:
            (answer,) = await self._batcher.submit([Place(list(good.values()), top)])
            return [*({"image": n, **b} for n, b in bad.items()), {"images": list(good), **answer}]
        answers = await self._batcher.submit([Place([view], top) for view in good.values()])
        found = {**bad, **dict(zip(good, answers, strict=True))}
        return [{"image": n, **found[n]} for n in range(len(views))]

    def _work(self, places: list[Place]) -> list[dict[str, Any]]:
        started = time.perf_counter()
        answers = self.core.answers(places)
        images = sum(len(place.views) for place in places)
        self._metrics.batch_seconds.observe(time.perf_counter() - started)
        self._metrics.batches.observe(images)
        self._metrics.images.inc(images)
        return answers

    async def _in_decoder(self, function: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._decoders, function, *arguments)

    async def _until_gone(self, request: Request, answer: Awaitable[T]) -> T:
        """The answer; or, when the client closes its connection first, the end of all its work."""
        task = asyncio.ensure_future(answer)
        gone = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Refusal(499, "client_gone", "the client closed the connection")
            return task.result()
        finally:
            for unfinished in (one for one in (task, gone) if not one.done()):
                unfinished.cancel()
                with suppress(asyncio.CancelledError):
                    await unfinished


def _decoded(text: str, number: int) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        message = f"images.{number}: not base64; encode the image file, without line breaks"
        raise Refusal(400, "bad_json", message) from None


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
