"""`/`: the files of the web page, the same for everyone."""

from hashlib import blake2b
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

PUBLIC: Final = "/web"
_FOLDER: Final = Path(__file__).parents[1] / "web"
_INDEX: Final = "index.html"
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


def is_public(path: str) -> bool:
    """Tell whether the path is the page or one of its files, which contain no data of the cluster."""
    return path == "/" or path.startswith(f"{PUBLIC}/")


def site_routes() -> APIRouter:
    """Serve the page, and its files below `/web`; they are read once."""
    router = APIRouter(include_in_schema=False)
    files = {path.relative_to(_FOLDER).as_posix(): path for path in _FOLDER.rglob("*") if path.suffix in _TYPES}
    served = {name: (path.read_bytes(), _TYPES[path.suffix]) for name, path in files.items()}

    def file(request: Request, name: str) -> Response:
        if name not in served:
            raise HTTPException(404)
        body, media_type = served[name]
        headers = {**_HEADERS, "ETag": f'W/"{blake2b(body, digest_size=8).hexdigest()}"'}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type=media_type, headers=headers)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def index(request: Request) -> Response:
        return file(request, _INDEX)

    @router.api_route(PUBLIC + "/{name:path}", methods=["GET", "HEAD"])
    async def asset(request: Request, name: str) -> Response:
        return file(request, name)

    return router
