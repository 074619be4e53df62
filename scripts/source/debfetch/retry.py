# SPDX-License-Identifier: GPL-2.0-or-later
"""Asking again, then another way, then the message.

A mirror in the middle of a change is whole again after seconds or minutes:
it is asked again after growing pauses, each time with fresh lists. Then the
next suite is asked that may have the packages, then the next mirror.
"""

import os
import time

from . import common, transfer
from .aptstate import AptState
from .common import FetchError, Kind, say
from .mirrors import DebsWay, Way, mirror_sites
from .records import Record

# Further tries that can be of use, for each kind of fault.
TRIES = {Kind.CHANGING: 99, Kind.SILENT: 1, Kind.UNREACHABLE: 2}
HOW_TO_GIVE = ('DIR is a directory with the packages, for example '
               'build/downloads of a\nmachine that has them.')


class Missing(FetchError):
    """No way led to what was asked for."""

    def __init__(self, request, asked):
        lines = [f'{request.name} is missing '
                 f'({" ".join(request.packages)}). Asked were:']
        for way, error in asked.items():
            first = str(error).strip().replace('\n', '\n      ')
            lines.append(f'  {way}: {error.kind.value}\n      {first}')
        lines.append(f'To give it by hand: ./configure {request.by_hand}')
        super().__init__('\n'.join(lines))


class Fetcher:
    """Answers requests; remembers what it has learned of the mirrors."""

    def __init__(self):
        self.states = {}
        self.sites = None
        self.dead = {}          # site or way: the error it ended with

    def state(self, arch, suite, source):
        key = (arch, suite, source)
        if key not in self.states:
            self.states[key] = AptState(*key)
        return self.states[key]

    def ways(self, request):
        debs = common.config().get('DEBS')
        if debs and not request.source:
            yield DebsWay(self.state(request.arch, 'debs', False), debs)
        if self.sites is None:
            self.sites = mirror_sites()
        for site in self.sites:
            for suite in request.suites:
                yield Way(self.state(request.arch, suite, request.source),
                          site)

    def try_each_way(self, request, act):
        """The result of act(way, uris) for the first way that leads there."""
        asked = {}
        for way in self.ways(request):
            error = self.dead.get(way.site) or self.dead.get(str(way))
            if error:
                asked[str(way)] = error
                continue
            try:
                with way.state.lock():
                    result = self._persist(request, way, act)
            except FetchError as e:
                if e.kind is Kind.FATAL:
                    raise
                asked[str(way)] = e
                continue
            if asked:
                say(f'{request.name}: found at {way}')
            return result
        raise Missing(request, asked)

    def _persist(self, request, way, act):
        """One way, with all pauses."""
        tries = 0
        again = not way.lists_there()
        while True:
            try:
                if again:
                    way.update()
                return act(way, request.resolve(way.state))
            except FetchError as e:
                if e.kind is Kind.ABSENT and not again \
                        and not way.state.fresh:
                    # Lists of an earlier day: no fault of the mirror.
                    again = True
                    continue
                more = min(TRIES.get(e.kind, 0), len(common.PAUSES))
                if tries >= more:
                    if e.kind is Kind.UNREACHABLE:
                        self.dead[way.site] = e
                    elif not way.lists_there():
                        self.dead[str(way)] = e
                    raise
                pause = common.PAUSES[tries]
                say(f'{way}: {e.kind.value}; asking again in {pause:g} s\n    '
                    + str(e).strip().replace('\n', '\n    '))
                time.sleep(pause)
                tries, again = tries + 1, True

    @staticmethod
    def _given(request):
        """What the machine had that --debs=DIR is from, or None."""
        debs = common.config().get('DEBS')
        return Record(request).given(debs) if debs else None

    def _take_given(self, request, record, progress):
        uris = self._given(request)
        if not uris:
            return None
        try:
            transfer.bring(None, uris, request.dest, progress)
        except (FetchError, OSError) as e:
            say(f'{request.name}: --debs: {e}')
            return None
        record.write(uris)
        return record.files()

    def resolve(self, request):
        """(way, uris): nothing is downloaded but lists."""
        uris = self._given(request)
        if uris:
            return None, uris
        return self.try_each_way(request, lambda way, uris: (way, uris))

    def fetch(self, request, progress=None):
        """Paths of the files; downloads what is not there."""
        record = Record(request)
        files = record.files()
        if files is not None:
            return files
        os.makedirs(request.dest, exist_ok=True)
        files = self._take_given(request, record, progress)
        if files is not None:
            return files

        def act(way, uris):
            # Somebody else may have brought them while we waited.
            if record.files() is None:
                transfer.bring(way.state, uris, request.dest, progress)
                record.write(uris)
            return record.files()
        return self.try_each_way(request, act)
