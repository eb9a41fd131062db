"""The composition root: opens a profile and joins the services. Front ends and tests call `open_app`; nothing else knows the backends."""

from __future__ import annotations

from app.backends.demo_browser import DemoBrowser
from app.bootstrap.core import Core, open_core, open_vault, renew_key, start_over
from app.bootstrap.services import Accounts, Services, open_app

__all__ = [
    "Accounts",
    "Core",
    "DemoBrowser",
    "Services",
    "open_app",
    "open_core",
    "open_vault",
    "renew_key",
    "start_over",
]
