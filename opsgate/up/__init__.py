"""`opsgate up`: everything on this machine, below one private supervisord.

state directory (0700)
├── programs/*.conf      the user's own programs, as supervisord sections
├── rules/*.xml          the user's Supvisors rules files
├── ecflow/              the private ecflow_server: scripts, jobs, log, checkpoint
├── redengine/           the session of the Red Engine API: tasks, log
├── jobs/                the job engine: its store, and a directory per job
├── log/                 supervisord's log, the gateway's, and those of programs that name none
├── disabilities.json    which programs Supvisors has disabled
├── supervisord.conf, gateway.toml    written anew at each start
├── run/                 socket and process id of supervisord
└── lock                 held while it runs
"""

from opsgate.up.run import default_state_dir, run

__all__ = ["default_state_dir", "run"]
