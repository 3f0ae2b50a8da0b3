"""A picture out of the storage, to a member and to nobody else."""

import hashlib

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from projects.models import Item, Modality, Project

# What the import stores, by what it has verified; anything else in the storage is not served, whatever an item says.
TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_HEADS = {
    "image/png": (b"\x89PNG\r\n\x1a\n",), "image/jpeg": (b"\xff\xd8\xff",), "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}  # fmt: skip


def picture_response(request: HttpRequest, project: Project, item: Item) -> HttpResponseBase:
    """The picture. It never changes (content of an item does not), so a browser may keep it for good, for this person alone."""
    content_type = TYPES.get(item.content.rpartition(".")[2].lower())
    if project.modality != Modality.IMAGE or content_type is None:
        raise Http404("This item is no picture.")
    etag = '"' + hashlib.sha256(item.content.encode()).hexdigest()[:32] + '"'
    if etag in request.headers.get("If-None-Match", ""):
        return _kept(HttpResponseNotModified(), etag)
    try:
        file = default_storage.open(item.content, "rb")
    except (OSError, ValueError, SuspiciousFileOperation):
        raise Http404("The file of this picture is missing.") from None
    head = file.read(16)
    if not head.startswith(_HEADS[content_type]) or (content_type == "image/webp" and head[8:12] != b"WEBP"):
        file.close()
        raise Http404("This item is no picture.")
    file.seek(0)
    response = FileResponse(file, content_type=content_type)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return _kept(response, etag)


def _kept(response: HttpResponse, etag: str) -> HttpResponse:
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, ["Cookie", "Authorization"])
    return response
