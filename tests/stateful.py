"""Run a state machine of hypothesis for a number of steps, however slow each of them is."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def take_turns(machine: type[RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Run so many examples of at most so many steps each; raises what a step or an invariant does."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
