"""A suite with attributes of all kinds."""

from __future__ import annotations

from opsgate.backends.ecflow.model import Definition, Node

EVERYTHING = """\
suite {name}
{variables}  edit A '1'
  edit ECF_JOB_CMD 'true'
  limit lim 5
  limit two 10
  repeat date D 20200101 20200105 1
  family f
    repeat enumerated E "x" "y" "w"
    inlimit /{name}:lim
    inlimit -s /{name}:two 2
    autoarchive 3
    task t
      defstatus complete
      inlimit -n two
      late -s +00:01 -a 14:30 -c +00:01
      complete u == aborted
      trigger u == complete and u != aborted
      label l "hi there"
      label m "multi\\nline"
      meter m 0 100 90
      event 1
      event 2 two
      event e
      event s set
      time 10:00
      time +00:20
      time 10:00 20:00 00:30
      today 03:00
      date 1.*.*
      day monday
      cron -w 0,1 10:00
      cron -d 1,15,L -m 1,2 10:00 20:00 01:00
      cron -w 5L 23:00
      queue q a b c
      generic g 1 2
      zombie ecf:fob:init,event:300
      zombie user:block::
      autocancel 10:00
      verify complete:3
    task u
      trigger 1 == 0
      trigger -o u2 == complete
      trigger -a u2 == aborted
      autorestore /{name}/f
      defstatus suspended
      edit B 'b'
    task u2
      defstatus complete
      autocancel 3
  endfamily
  family g
    repeat string S "a" "b"
    autoarchive +01:00 -i
    task t
      label l ""
    family gg
      repeat integer I 1 9 2
      time 23:59
      task a
        repeat datelist DL "20200101" "20200105"
      task b
        repeat day 1
    endfamily
  endfamily
endsuite
"""


def everything(name: str, variables: str = "") -> str:
    """Return its definition."""
    return EVERYTHING.format(name=name, variables=variables)


def flattened(definition: Definition) -> list[object]:
    """Return all that is known of the nodes of a definition, for comparing."""
    return [_told(path, node) for path, node in definition.root.walk("")]


def _told(path: str, node: Node) -> object:
    details = node.details
    return path, node.kind, node.name, details.run, details.attributes, details.default_state
