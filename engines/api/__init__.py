"""The engines over HTTP, for programs: FastAPI, no page. `build_api` makes it."""

from engines.api.app import beside, build_api

__all__ = ["beside", "build_api"]
