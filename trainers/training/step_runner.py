"""Runs training steps, eagerly or compiled, so that neither the loop nor a model needs to know which.

Several compiled steps run back to back in one launch. The matrix products of a step evict everything else from a core's
caches; Python that runs once a step pays for that each time, three to five times its usual cost, while the other cores
wait. A launch prepares all inputs before and reads all results after its steps. What is learned, and from which random
numbers, is the same as one step at a time.
"""

from collections.abc import Callable, Hashable, Iterator

from torch import Tensor

from trainers.compiled.graph import CompiledStep, num_operations
from trainers.events import Event
from trainers.training import optim
from trainers.training.evaluate import metric_specs, undeclared
from trainers.training.session import TrainingSession
from trainers.training.step import EagerUpdater, step_metrics, train_step
from trainers.training.timing import RateMeter

MAX_LAUNCH_STEPS = 8
MAX_LAUNCH_S = 0.05  # how long anything that is due by the clock may have to wait for a launch


class StepRunner:
    """Runs the steps of one training.

    Args:
        session: The training.
    """

    def __init__(self, session: TrainingSession) -> None:
        self._session = session
        self._policy = session.compile_policy
        self._rate = RateMeter(session.clock)
        self._is_checked = False  # whether the metrics of a step are declared

    def run(self, limit: int, has_commands: Callable[[int], bool]) -> Iterator[Event]:
        """Run the next step, or several compiled ones; yield the metrics of each, and news about compilation.

        Args:
            limit: Largest number of steps.
            has_commands: Whether commands have arrived, given the number of steps done; ends a launch early.

        Raises:
            NotFiniteError: in place of the metrics of a step whose loss or gradient is not finite.
        """
        session, policy, key = self._session, self._policy, self._session.graph_key()
        has_state = (optim.has_state(each, session.config.optim) for each in session.optimizers.values())
        if policy.should_compile(key) and all(has_state):  # a compiled step updates the optimizers' state
            yield from policy.compile(key, self._compile, session.step)
            session.restart_eta()
        compiled = policy.compiled_step(key)
        if compiled is None:
            yield from self._run_eager()
        else:
            yield from self._run_compiled(compiled, self._launch_size(key, limit), has_commands)

    def _run_eager(self) -> Iterator[Event]:
        session, policy = self._session, self._policy
        policy.start_timer()
        self._rate.start()
        # Train on the next batch.
        lr, batch = session.lr(session.step), session.batch(session.step)
        updater = EagerUpdater(session.optimizers, session.lrs(lr), session.config.optim.grad_clip)
        train_step(session.model, batch, session.context(session.step), updater)
        if not self._is_checked:
            declared = {spec.name for spec in metric_specs(session)}
            for name in updater.metrics.keys() - declared:
                raise undeclared(session.model, name)
            self._is_checked = True
        # Update the EMA weights.
        session.advance()
        session.ema.update(session.step)
        # Report.
        rate = self._rate.stop(len(batch))
        metrics = session.metrics({**updater.metrics, "train/lr": lr, "speed/images_per_s": rate})
        policy.stop_timer()
        yield from policy.after_step(session.model, session.step, metrics.seconds_left, self._num_operations)
        yield metrics

    def _run_compiled(self, compiled: CompiledStep, count: int, has_commands: Callable[[int], bool]) -> Iterator[Event]:
        session, policy, first = self._session, self._policy, self._session.step
        self._rate.start()
        policy.start_timer()
        start_s, random_state = session.stopwatch.elapsed_s, session.generator.get_state()
        # Draw the batches and random numbers of all steps.
        lrs = [session.lr(first + ahead) for ahead in range(count)]
        inputs = [self._inputs(compiled, first + ahead, lr) for ahead, lr in enumerate(lrs)]
        # Launch the steps one after another, without waiting for their results.
        outputs: list[Tensor] = []
        while len(outputs) < count:
            outputs.append(compiled.launch(inputs[len(outputs)]))
            session.ema.update(first + len(outputs))
            if len(outputs) < count and has_commands(first + len(outputs)):
                break
        # If commands cut it short, take back the random numbers of the steps that were not run.
        if len(outputs) < count:
            session.generator.set_state(random_state)
            for ahead in range(len(outputs)):
                self._inputs(compiled, first + ahead, lrs[ahead])
        # Read the results: the only wait for the device.
        results = [output.tolist() for output in outputs]
        took_s = session.stopwatch.elapsed_s - start_s
        policy.stop_timer(len(results))
        rate = self._rate.stop(len(results) * session.sampler.batch_size)
        # Report each step. They share the time evenly.
        for number, (result, lr) in enumerate(zip(results, lrs, strict=False), start=1):
            values = step_metrics(compiled.results(result), single=len(session.optimizers) == 1)
            session.advance()
            metrics = session.metrics(
                {**values, "train/lr": lr, "speed/images_per_s": rate}, start_s + took_s * number / len(results)
            )
            yield from policy.after_step(session.model, session.step, metrics.seconds_left, self._num_operations)
            yield metrics

    def _launch_size(self, key: Hashable, limit: int) -> int:
        """Return how many compiled steps to run in one launch: up to `limit`, as long as the graph key stays the same.

        A single step while compiled and eager steps are still compared.
        """
        session, policy = self._session, self._policy
        if not policy.is_final or not policy.step_s:
            return 1
        size = min(limit, MAX_LAUNCH_STEPS, int(MAX_LAUNCH_S / policy.step_s))
        same = (ahead for ahead in range(1, size) if session.graph_key(session.step + ahead) != key)
        return max(1, next(same, size))

    def _inputs(self, compiled: CompiledStep, step: int, lr: float) -> list[Tensor]:
        session = self._session
        max_norm = session.config.optim.grad_clip
        return compiled.prepare(session.batch(step), session.context(step), session.lrs(lr), max_norm)

    def _compile(self) -> CompiledStep:
        session = self._session
        batch, context = session.example_batch(), session.context(session.step)
        return CompiledStep(session.model, session.optimizers, session.config.optim, batch, context)

    def _num_operations(self) -> int:
        session = self._session
        return num_operations(session.model, session.example_batch(), session.context(session.step))
