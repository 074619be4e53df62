# SPDX-License-Identifier: GPL-2.0-or-later
"""One request: packages, for an architecture, from the first suite that can."""

import os
import re

from .aptstate import newer_or_same
from .common import DOWNLOADS, FetchError, Kind
from .mirrors import machine_arch, machine_suite

SPEC = re.compile(r'([a-z0-9][a-z0-9.+-]+)(?:(>?=)(\S+))?')


class Request:
    """What is wanted. name is how messages call it."""

    # pylint: disable=too-many-instance-attributes
    def __init__(self, name, packages, **options):
        self.name = name
        self.packages = list(packages)
        self.arch = options.get('arch') or machine_arch()
        own = machine_suite() if 'own' in str(options.get('suites')) \
            or not options.get('suites') else ''
        self.suites = [re.sub(r'^own\b', own, s)
                       for s in options.get('suites') or ['own']]
        self.suites = list(dict.fromkeys(self.suites))
        self.deps = bool(options.get('deps'))
        self.source = bool(options.get('source'))
        # The package that the named one depends on is wanted instead.
        self.newest = bool(options.get('newest'))
        self.dest = os.path.abspath(options.get('dest') or DOWNLOADS)
        self.by_hand = options.get('by_hand') or '--debs=DIR'
        for spec in self.packages:
            if not SPEC.fullmatch(spec):
                raise FetchError(f'{spec}: not PKG, PKG=VERSION or '
                                 'PKG>=VERSION')

    def question(self):
        """Two requests with the same one may have the same answer."""
        return [sorted(self.packages), self.arch, self.suites, self.deps,
                self.source, self.newest]

    def identity(self):
        """And with the same one of these it is in the same place."""
        return [*self.question(), self.dest]

    @property
    def action(self):
        if self.source:
            return ['source', '--download-only', '--only-source']
        if self.deps:
            return ['install', '-y', '--download-only']
        return ['download']

    def _spec(self, state, spec):
        name, relation, version = SPEC.fullmatch(spec).groups()
        have = state.newest(name)
        if have == '(none)':
            raise FetchError(f'it has no {name}', Kind.ABSENT)
        if relation == '>=' and not newer_or_same(have, version):
            raise FetchError(f'it has {name} {have}, not {version} or later',
                             Kind.ABSENT)
        if self.newest:
            other = state.depended_on(name, have)
            return f'{other}={state.newest(other)}'
        if relation == '=':
            return spec
        return f'{name}={have}'

    def resolve(self, state):
        """[(URI, name, size, SHA-256)] by the lists of a state."""
        return state.uris(self.action,
                          *(self._spec(state, s) for s in self.packages))
