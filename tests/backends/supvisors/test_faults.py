import pytest
from supervisor.xmlrpc import Faults
from supvisors.ttypes import SupvisorsFaults, SupvisorsStates

from opsgate.backends.errors import Broken, Conflict, EngineError, Invalid, Unavailable
from opsgate.backends.supvisors.faults import MEANINGS, STARTING, FaultError, of_fault, of_status

SUCCESS = 80


class TestMeanings:
    def test_each_fault_of_supervisor_has_one(self) -> None:
        codes = {code for name, code in vars(Faults).items() if name.isupper()}
        assert codes | {fault.value for fault in SupvisorsFaults} == set(MEANINGS) | {SUCCESS}

    def test_starting_states_are_those_of_supvisors(self) -> None:
        names = [state.name for state in SupvisorsStates]
        assert names[: names.index("OPERATION")] == ["OFF", "SYNCHRONIZATION", "ELECTION", "DISTRIBUTION"]
        assert set(names[: names.index("OPERATION")]) == STARTING


class TestOfFault:
    @pytest.mark.parametrize(("code", "meaning"), MEANINGS.items())
    def test_text_and_code_are_kept(self, code: int, meaning: type[EngineError]) -> None:
        error = of_fault(FaultError(code, "TEXT: as it is"))
        assert (type(error), error.message, error.code) == (meaning, "TEXT: as it is", code)

    def test_code_of_a_newer_release(self) -> None:
        assert type(of_fault(FaultError(4711, "NEW"))) is Invalid

    def test_when_to_try_again(self) -> None:
        starting = "BAD_SUPVISORS_STATE: invalid Supvisors state=ELECTION - state expected in ['OPERATION']"
        working = "BAD_SUPVISORS_STATE: invalid Supvisors state=OPERATION - state expected in ['CONCILIATION']"
        assert of_fault(FaultError(101, starting)).retry_after == 5
        assert of_fault(FaultError(101, working)).retry_after is None
        assert of_fault(FaultError(101, "BAD_SUPVISORS_STATE: jobs in progress")).retry_after is None
        assert of_fault(FaultError(6, "SHUTDOWN_STATE")).retry_after == 2
        assert type(of_fault(FaultError(6, "SHUTDOWN_STATE"))) is Unavailable
        assert type(of_fault(FaultError(101, starting))) is Conflict


class TestOfStatus:
    @pytest.mark.parametrize(
        ("status", "meaning", "message"),
        [
            (400, Invalid, "supervisord could not read the arguments of a.b"),
            (401, Broken, "supervisord at http://h:1 refused our credentials"),
            (500, Broken, "supervisord at http://h:1 failed in a.b with HTTP status 500"),
            (404, Broken, "supervisord at http://h:1 failed in a.b with HTTP status 404"),
        ],
    )
    def test_meaning(self, status: int, meaning: type[EngineError], message: str) -> None:
        error = of_status(status, "a.b", "http://h:1")
        assert (type(error), error.message) == (meaning, message)
