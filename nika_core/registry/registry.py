"""Words to plugins: which plugin offers a word, whether it may be loaded, and what it contains, on first use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from nika_core import codes
from nika_core.errors import PluginError
from nika_core.plugin import (
    Client,
    Command,
    Keyword,
    NotifierDescription,
    NotifierSetup,
    ObserverDescription,
    ObserverSetup,
    Provider,
    SecretSourceDescription,
    SecretSourceSetup,
    Source,
    Step,
    TemplateSource,
)
from nika_core.registry import sections, settings_keys
from nika_core.registry.conflicts import preferred_in_vain, reserved_word
from nika_core.registry.kinds import Kind
from nika_core.registry.loading import Description, Loader, load_object, make, make_guarded, metadata_error
from nika_core.registry.plugin_status import PluginStatus, status_of
from nika_core.registry.policy import PluginPolicy, Unmatched, same_distribution
from nika_core.registry.scan import DISTRIBUTION, PluginRecord, required_by, scan

if TYPE_CHECKING:
    from nika_core.registry.guarded_facets import GuardedFacets
    from nika_core.registry.guarded_notifier import GuardedNotifier
    from nika_core.registry.guarded_observer import GuardedObserver
    from nika_core.registry.guarded_policy import GuardedPolicy
    from nika_core.registry.guarded_secret_source import GuardedSecretSource

D = TypeVar("D", bound=Description)


class Registry:
    """All installed plugins under a policy. Nothing is imported before its word is used.

    Implements `nika_core.document.PluginCatalog`. What it hands out is guarded: whatever a plugin's object does wrong
    is one PluginError with its distribution and version.
    """

    def __init__(
        self,
        records: Iterable[PluginRecord] | None = None,
        policy: PluginPolicy | None = None,
        built_in: Collection[str] | None = None,
    ) -> None:
        self._records = scan() if records is None else tuple(records)
        self._policy = policy or PluginPolicy()
        self._built_in_given = built_in
        self._loader = Loader()
        self._loaded: dict[PluginRecord, Description | PluginError] = {}
        self._objects: dict[tuple[PluginRecord, str], Any] = {}
        self._keywords: dict[str, Keyword] = {}  # these four: asked for every task of a document
        self._facets: dict[str, GuardedFacets] = {}
        self._template_sources: dict[str, TemplateSource] = {}
        self._sources: dict[str, Source] = {}
        self._claims: dict[str, tuple[Provider, ...]] = {}  # by a model's name
        self._by_word: dict[tuple[Kind, str], list[PluginRecord]] = {}
        self.on_secret: Callable[[Iterable[str]], None] | None = None  # told the values of secret template sources
        self._blocked = self._policy.blocked(self._records)
        for record in self._records:
            if record not in self._blocked and not record.fault:
                self._by_word.setdefault((record.kind, record.word), []).append(record)

    @cached_property
    def _built_in(self) -> frozenset[str]:
        """Distributions that come with Nika itself. Read only when two offer one word."""
        return frozenset(required_by(DISTRIBUTION) if self._built_in_given is None else self._built_in_given)

    # -- who offers what

    def words(self, kind: Kind) -> list[str]:
        """Return every word of this kind that may be used, in alphabetical order."""
        return sorted(word for (found, word) in self._by_word if found is kind)

    def records(self) -> tuple[PluginRecord, ...]:
        """Return all that is installed, whether or not it may be used."""
        return self._records

    def unmatched(self) -> list[Unmatched]:
        """Entries of the policy's lists that match nothing that is installed."""
        return self._policy.unmatched(self._records)

    def installed(self, kind: Kind) -> list[str]:
        """Return every word of this kind that is there, also those that may not be used."""
        return sorted({record.word for record in self._records if record.kind is kind})

    def record(self, kind: Kind, word: str) -> PluginRecord:
        """Return the plugin that has the word. Raises PluginError if none may have it."""
        records = self._by_word.get((kind, word))
        if not records:
            raise self._nobody_offers(kind, word)
        winner = self._winner(records)
        if winner is None and word in kind.value.reserved:
            raise reserved_word(records)
        if winner is None:
            names = " and ".join(record.origin for record in records)
            raise PluginError(
                codes.PLUGIN_CONFLICT,
                f"the {kind.value.title} '{word}' is offered by {names}",
                hint=f"say which one in nika.yaml: plugins: {{prefer: {{{records[0].id}: {records[0].distribution}}}}}",
            )
        return winner

    def _winner(self, records: list[PluginRecord]) -> PluginRecord | None:
        preferred = self._policy.prefer.get(records[0].id) if self._policy.prefer else None
        if preferred is not None:
            mine = [record for record in records if same_distribution(record.distribution, preferred)]
            if len(mine) == 1:
                return mine[0]
            if not mine:
                raise preferred_in_vain(records, preferred, self._policy.prefer_where, self._blocked)
            return None
        return None if records[0].word in records[0].kind.value.reserved else self._without_preference(records)

    def _without_preference(self, records: list[PluginRecord]) -> PluginRecord | None:
        if len(records) == 1:
            return records[0]
        own = [
            record for record in records if any(same_distribution(record.distribution, name) for name in self._built_in)
        ]
        return own[0] if len(own) == 1 else None

    def _nobody_offers(self, kind: Kind, word: str) -> PluginError:
        code, name, prefix = kind.value.unknown, kind.value.title, kind.value.prefix
        for record, why in self._blocked.items():
            if record.kind is kind and record.word == word:
                return PluginError(
                    codes.PLUGIN_BLOCKED,
                    f"the {name} '{word}' of {record.origin} may not be used: {why}",
                    hint="`nika plugins list` shows what is blocked and by which list",
                )
        for record in self._records:
            if record.kind is kind and record.word == word and record.fault:
                raise metadata_error(record)
        near = get_close_matches(word, self.words(kind), 1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        hint += self._install_hint(kind, word) or (
            f"install a plugin that offers it (by custom named {prefix}{word}); "
            f"`nika plugins list` shows what is there: {', '.join(self.words(kind)) or 'nothing'}"
        )
        return PluginError(code, f"no installed plugin offers the {name} '{word}'", hint=hint)

    def install_hint(self, word: str) -> str | None:
        """Return what to install for a keyword that comes with Nika, but is not there."""
        return self._install_hint(Kind.KEYWORD, word)

    def _install_hint(self, kind: Kind, word: str) -> str | None:
        distribution = f"{kind.value.prefix}{word}"
        return f"install it: pip install {distribution}" if distribution in self._built_in else None

    def usable(self) -> list[PluginRecord]:
        """Return every offer that the lists allow and whose metadata can be read, whether or not it gets its word."""
        return [record for record in self.allowed() if not record.fault]

    def allowed(self) -> list[PluginRecord]:
        """Return every offer that the lists allow, those whose metadata cannot be read included."""
        return [record for record in self._records if record not in self._blocked]

    # -- what they bring

    def _load(self, kind: Kind, word: str, expected: type[D]) -> D:
        description = self.description(self.record(kind, word))
        assert isinstance(description, expected)  # the loader compared them
        return description

    def description(self, record: PluginRecord) -> Description:
        """Import the plugin and return its description. Raises PluginError, the same one each time."""
        found = self._loaded.get(record)
        if found is None:
            try:
                found = self._loader.load(record)
            except PluginError as error:
                found = error
            self._loaded[record] = found
        if isinstance(found, PluginError):
            raise found
        return found

    def _object(self, kind: Kind, word: str, field: str) -> Any:
        """Return the one instance of what a description's field names, guarded. Raise PluginError."""
        record = self.record(kind, word)
        key = (record, field)
        if key not in self._objects:
            self._objects[key] = make_guarded(record, self.description(record), field)
        return self._objects[key]

    def keywords(self) -> list[str]:
        """Return every installed keyword; one that may not be used says why when it is asked for."""
        return self.installed(Kind.KEYWORD)

    def keyword(self, word: str) -> Keyword:
        """Return the description of a keyword. Raise PluginError."""
        found = self._keywords.get(word)
        if found is None:
            found = self._keywords[word] = self._load(Kind.KEYWORD, word, Keyword)
        return found

    def facets(self, word: str) -> GuardedFacets:
        """Return the facets of a keyword, guarded. Raise PluginError."""
        found = self._facets.get(word)
        if found is None:
            found = self._facets[word] = self._object(Kind.KEYWORD, word, "facets")
        return found

    def sections(self) -> Mapping[str, Any]:
        """Return the root keys that keywords bring, with their validators. Import all keyword plugins."""
        return sections.all_sections(self)

    def section(self, name: str) -> Any:
        """Return the validator of a root key of a keyword; None: no keyword has it. Raise PluginError if several do."""
        return sections.find_section(self, name, self._policy.prefer.get(sections.id_of(name)))

    def keyword_words(self, *, built_in: bool) -> list[str]:
        """Return the keywords that come with Nika itself, or all others."""
        return [word for word in self.words(Kind.KEYWORD) if self._is_built_in(word) is built_in]

    def _is_built_in(self, word: str) -> bool:
        records = self._by_word[Kind.KEYWORD, word]
        return any(same_distribution(record.distribution, name) for record in records for name in self._built_in)

    def new_step(self, word: str) -> Step:
        """Return a step for one run. Raise PluginError."""
        made: Step = make(self.record(Kind.KEYWORD, word), self.keyword(word).step)
        return made

    def provider(self, name: str) -> Provider:
        """Return the description of a provider. Raise PluginError."""
        return self._load(Kind.PROVIDER, name, Provider)

    def provider_for(self, model: str) -> Provider | None:
        """Return the provider that claims the name of a model, or None. Raises PluginError if several do.

        This imports all allowed provider plugins; a broken one is skipped, because it claims nothing.
        """
        claims = self._claims.get(model)  # asked several times for every call
        if claims is None:
            claims = self._claims[model] = tuple(self._claiming(model))
        if len(claims) > 1:
            names = " and ".join(
                f"'{claim.name}' ({self.record(Kind.PROVIDER, claim.name).origin})" for claim in claims
            )
            raise PluginError(
                codes.PLUGIN_CONFLICT,
                f"the model '{model}' is claimed by the providers {names}",
                hint=f"name one: `provider: {claims[0].name}` in the agent block or nika.yaml, or --provider",
            )
        return claims[0] if claims else None

    def _claiming(self, model: str) -> Iterator[Provider]:
        for word in self.words(Kind.PROVIDER):
            with suppress(PluginError):
                provider = self.provider(word)
                if any(fnmatchcase(model, pattern) for pattern in provider.models):
                    yield provider

    def new_client(self, name: str, environ: Mapping[str, str], settings: Mapping[str, Any] | None = None) -> Client:
        """Return a client for one run; `settings` is the provider's part of the project file. Raise PluginError."""
        provider, record = self.provider(name), self.record(Kind.PROVIDER, name)
        more = () if provider.settings is None else (dict(settings or {}),)
        client: Client = make_guarded(record, provider, "client", environ, *more)
        return client

    def template_source(self, name: str) -> TemplateSource:
        """Return the description of a template source. Raise PluginError."""
        found = self._template_sources.get(name)
        if found is None:
            found = self._template_sources[name] = self._load(Kind.TEMPLATE_SOURCE, name, TemplateSource)
        return found

    def sources(self) -> list[str]:
        """Return every installed template source."""
        return self.installed(Kind.TEMPLATE_SOURCE)

    def source(self, name: str) -> Source:
        """Return a template source. Raise PluginError."""
        if name not in self._sources:
            self._sources[name] = source = self._object(Kind.TEMPLATE_SOURCE, name, "source")
            description = self.template_source(name)
            source.tell_secrets(self.on_secret if description.secret or description.late else None)
        return self._sources[name]

    def policies(self) -> list[GuardedPolicy]:
        """Return every limit policy that may be loaded. A broken one raises, so that no limit is skipped."""
        return [self._object(Kind.LIMIT_POLICY, word, "policy") for word in self.words(Kind.LIMIT_POLICY)]

    def policy_of(self, record: PluginRecord) -> GuardedPolicy:
        """Return a limit policy, also one that may not be loaded. Raises PluginError."""
        policy: GuardedPolicy = make_guarded(record, self.description(record), "policy")
        return policy

    def comes_with_nika(self, record: PluginRecord) -> bool:
        """Return whether a plugin's distribution is one that Nika's own requires."""
        return any(same_distribution(record.distribution, name) for name in self._built_in)

    def notifier(self, word: str) -> NotifierDescription:
        """Return the description of a notifier. Raise PluginError."""
        return self._load(Kind.NOTIFIER, word, NotifierDescription)

    def new_notifier(self, word: str, setup: NotifierSetup) -> GuardedNotifier:
        """Return a notifier for one run. Raise PluginError."""
        notifier: GuardedNotifier = self._new(Kind.NOTIFIER, word, "notifier", setup)
        return notifier

    def observer(self, word: str) -> ObserverDescription:
        """Return the description of an observer. Raise PluginError."""
        return self._load(Kind.OBSERVER, word, ObserverDescription)

    def new_observer(self, word: str, setup: ObserverSetup) -> GuardedObserver:
        """Return an observer for one run. Raise PluginError."""
        observer: GuardedObserver = self._new(Kind.OBSERVER, word, "observer", setup)
        return observer

    def secret_source(self, word: str) -> SecretSourceDescription:
        """Return the description of a secret source. Raise PluginError."""
        return self._load(Kind.SECRET_SOURCE, word, SecretSourceDescription)

    def secret_sources(self) -> list[str]:
        """Return every secret source that may be used, in the order in which they are asked. Raise PluginError."""
        return sorted(self.words(Kind.SECRET_SOURCE), key=lambda word: (self.secret_source(word).order, word))

    def new_secret_source(self, word: str, setup: SecretSourceSetup) -> GuardedSecretSource:
        """Return a secret source for one run. Raise PluginError."""
        source: GuardedSecretSource = self._new(Kind.SECRET_SOURCE, word, "source", setup)
        return source

    def _new(self, kind: Kind, word: str, field: str, setup: object) -> Any:
        record = self.record(kind, word)
        return make_guarded(record, self.description(record), field, setup)

    def project_files(self, word: str) -> dict[str, str]:
        """Return the text of each file of a project template, by its path. Raise PluginError."""
        record = self.record(Kind.PROJECT_TEMPLATE, word)
        files: dict[str, str] = make_guarded(record, self.description(record), "files")
        return files

    def settings_keys(self) -> list[str]:
        """Return every word that may be a key of the project file, of any kind of plugin that has settings."""
        return settings_keys.all_keys(self)

    def settings_owner(self, key: str) -> Any:
        """Return the description of the plugin that owns a key of the project file; None: none. Raise PluginError."""
        return settings_keys.find_description(self, key)

    def prefers(self, id_: str) -> bool:
        """Return whether the project says which distribution has this word (`commands:run`)."""
        return id_ in self._policy.prefer

    def command_app(self, name: str) -> Any:
        """Return the Typer app, or the function, of a command. Raise PluginError."""
        record = self.record(Kind.COMMAND, name)
        return load_object(record, self._load(Kind.COMMAND, name, Command).app)

    # -- what people are told

    def listing(self) -> list[PluginStatus]:
        """Return every offer with its status as far as it is known without importing anything."""
        return [status_of(record, self._blocked, self.record, self._loaded) for record in self._records]

    def failures(self) -> list[PluginError]:
        """Return what was wrong with those that could not be loaded so far."""
        return [found for found in self._loaded.values() if isinstance(found, PluginError)]

    def try_out(self, record: PluginRecord) -> None:
        """Import it, and make what its description names. Raises PluginError."""
        description = self.description(record)
        for named in record.kind.value.objects:
            (load_object if named.load_only else make)(record, getattr(description, named.field))

    def import_seconds(self, record: PluginRecord) -> float | None:
        """Return how long the plugin's module took to import; None if it was not."""
        return self._loader.import_seconds.get(record.module)
