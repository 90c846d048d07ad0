"""What each tenant answers from at this moment: loaded from the store, swapped in when finished."""

import asyncio
from collections import OrderedDict, defaultdict
from dataclasses import dataclass

import structlog

from services.dialogue.domain.bundle import BundleLimits, unpack
from services.dialogue.domain.loader import load_files
from services.dialogue.domain.problems import DomainError
from services.dialogue.domain.types import Domain
from services.dialogue.knowledge.index import IndexedPassage, KnowledgeIndex
from services.dialogue.knowledge.records import StoredPassage
from services.dialogue.knowledge.store import KnowledgeStore
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.passage_vectors import passage_text
from services.dialogue.retrieval import SearchPassage
from services.serving.errors import FailedPrecondition, InvalidArgument, NotFound

_log = structlog.stdlib.get_logger("frontdesk.dialogue.knowledge")

OLD_VERSIONS_LOADED = 8
"""Versions of pinned sessions kept in memory besides the current ones."""


@dataclass(frozen=True, slots=True)
class View:
    """What a session answers from. ``domain`` None: the tenant published none, but has documents."""

    domain: Domain | None
    index: KnowledgeIndex


class Views:
    """Readers get a finished view and keep it for their turn; writers hold ``locks[tenant]`` and refresh."""

    def __init__(self, store: KnowledgeStore, words: WordSplitter, bundle_limits: BundleLimits) -> None:
        self.locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # Not those of the writers, who may embed for a long time.
        self._loading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._store = store
        self._words = words
        self._bundle_limits = bundle_limits
        self._current: dict[str, dict[str, str]] = {}
        self._views: OrderedDict[tuple[str, str], View] = OrderedDict()

    async def open(self) -> None:
        """Load the dictionary, and every tenant's current domains from the store."""
        await asyncio.to_thread(self._words.load)
        for tenant in await asyncio.to_thread(self._store.tenants):
            async with self.locks[tenant]:
                await self.refresh(tenant)

    def current(self, tenant: str) -> dict[str, str]:
        """Give the tenant's current domain versions by name."""
        return dict(self._current.get(tenant, {}))

    def domain_names(self) -> list[str]:
        """Give the names of all domains that are current for anyone."""
        return sorted({name for current in self._current.values() for name in current})

    def pictured_domain_names(self) -> list[str]:
        """Give the names of those of them that have pictures."""
        current = [(tenant, version) for tenant, names in self._current.items() for version in names.values()]
        domains = [view.domain for key in current if (view := self._views.get(key))]
        return sorted({domain.name for domain in domains if domain and domain.pictures})

    async def view(self, tenant: str, domain: str = "", pinned: str = "") -> View:
        """Give what to answer from: the ``pinned`` version, or the current one of a domain.

        Without a name it is the tenant's only domain. Raises ``FailedPrecondition``
        (nothing published, pinned version gone), ``NotFound`` (no such domain),
        ``InvalidArgument`` (several domains and none named).
        """
        if pinned:
            return await self._pinned(tenant, pinned)
        current = self._current.get(tenant, {})
        if not current:
            raise FailedPrecondition(
                "NOTHING_PUBLISHED", "no domain is published: run `frontdesk domain publish DIR` first"
            )
        if domain and domain not in current:
            raise NotFound(
                "DOMAIN_NOT_FOUND", "no such domain is published", metadata={"domain": domain[:64]}
            )
        if not domain and len(current) > 1:
            raise InvalidArgument(
                "DOMAIN_REQUIRED", f"name one of the domains {', '.join(sorted(current))}", field="domain"
            )
        return await self._loaded(tenant, current[domain or next(iter(current))])

    async def search_view(self, tenant: str, domain: str) -> View:
        """Give what to search: like ``view``, or the documents alone where nothing is published."""
        if not domain and not self._current.get(tenant) and (tenant, "") in self._views:
            return self._views[tenant, ""]
        return await self.view(tenant, domain)

    async def refresh(self, tenant: str, read: Domain | None = None) -> None:
        """Build the tenant's current views anew and swap them in; the tenant's lock is held."""
        async with self._loading[tenant]:
            current = await asyncio.to_thread(self._store.current_domains, tenant)
            built = {}
            for name, version in list(current.items()) or [("", "")]:
                domain = read if read and read.version == version else self._domain_in_memory(tenant, version)
                try:
                    built[tenant, version] = await asyncio.to_thread(self._build, tenant, version, domain)
                except FailedPrecondition as error:
                    # As good as unpublished, and no reason not to serve.
                    _log.warning("stored domain cannot be used", version=version, reason=error.reason)
                    del current[name]
            stale = [key for key in self._views if key[0] == tenant]
            for key in stale:
                del self._views[key]
            self._views.update(built)
            self._current[tenant] = current

    def _domain_in_memory(self, tenant: str, version: str) -> Domain | None:
        view = self._views.get((tenant, version))
        return view.domain if view else None

    def _build(self, tenant: str, version: str, domain: Domain | None) -> View:
        if version:
            release = self._store.release(tenant, version)
            if release is None:
                raise FailedPrecondition(
                    "DOMAIN_VERSION_GONE",
                    "the session's domain version is gone: begin a new session",
                    metadata={"domain_version": version[:100]},
                )
            try:
                domain = domain or load_files(unpack(release.bundle, self._bundle_limits))
            except DomainError as error:
                raise FailedPrecondition(
                    "DOMAIN_VERSION_INVALID",
                    "the domain was published under older rules: run `frontdesk domain publish DIR` again",
                    metadata={"domain_version": version[:100]},
                ) from error
            space = release.embedding_model
            stored = [
                *self._store.searchable(tenant, version, space),
                *self._store.searchable(tenant, "", space),
            ]
        else:
            by_space = {
                m: self._store.searchable(tenant, "", m) for m in self._store.embedding_models(tenant)
            }
            space, stored = max(by_space.items(), key=lambda item: len(item[1]), default=("", []))
        split = self._words_before(tenant)
        entries = [self._entry(passage, split) for passage in stored]
        return View(domain, KnowledgeIndex.build(space, entries))

    def _words_before(self, tenant: str) -> dict[tuple[str, bytes], tuple[str, ...]]:
        views = [view for key, view in list(self._views.items()) if key[0] == tenant]
        return {(e.passage.language, e.text_sha256): e.words for view in views for e in view.index.entries}

    def _entry(
        self, stored: StoredPassage, split: dict[tuple[str, bytes], tuple[str, ...]]
    ) -> IndexedPassage:
        record = stored.record
        sha = record.text_sha256
        words = split.get((record.language, sha))
        if words is None:
            words = self._words.split(passage_text(record.title, record.text), record.language)
        source = record.domain_version or f"revision {record.revision}"
        passage = SearchPassage(
            record.passage_id, record.language, record.title, record.text, record.uri, source
        )
        return IndexedPassage(passage, stored.vector, words, sha)

    async def _pinned(self, tenant: str, version: str) -> View:
        if (tenant, version) not in self._views:
            async with self._loading[tenant]:
                return await self._loaded(tenant, version)
        return self._views[tenant, version]

    async def _loaded(self, tenant: str, version: str) -> View:
        key = (tenant, version)
        if key not in self._views:
            built = await asyncio.to_thread(self._build, tenant, version, None)
            self._views[key] = built
            self._drop_old()
        return self._views[key]

    def _drop_old(self) -> None:
        old = [key for key in self._views if key[1] not in {"", *self._current.get(key[0], {}).values()}]
        for key in old[: max(0, len(old) - OLD_VERSIONS_LOADED)]:
            del self._views[key]
