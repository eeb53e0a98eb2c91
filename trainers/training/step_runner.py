"""Runs training steps, eagerly or compiled, so that neither the loop nor a model depends on the choice.

Compiled steps run in bursts of several, back to back. The matrix products of a step flush the caches of the cores, so
that Python between two steps runs 3-5x slower; a burst pays that once, because it prepares all inputs before its steps
and reads all results after them. Random numbers and weights are the same as one step at a time.
"""

from collections.abc import Callable, Hashable, Iterator

from torch import Tensor

from trainers.compiled.graph import CompiledStep, num_operations
from trainers.events import Event, Metrics
from trainers.step import optim
from trainers.step.train_step import EagerUpdater, step_metrics, train_step
from trainers.training.evaluate import metric_specs, undeclared_metric_error
from trainers.training.session import TrainingSession
from trainers.training.timing import RateMeter

MAX_BURST_STEPS = 8
MAX_BURST_S = 0.05  # a burst delays by this time at most what is due by the clock
_LATE_CHECK_STEPS = 10_000  # from now to the later check, where the length of the training is not known in steps


class StepRunner:
    """Runs the steps of one training, and updates the EMA weights."""

    def __init__(self, session: TrainingSession) -> None:
        self._session = session
        self._policy = session.compile_policy
        self._rate = RateMeter(session.clock)
        self._is_checked = False  # whether the metrics of a step are declared

    def run(self, limit: int, poll_commands: Callable[[int], bool]) -> Iterator[Event]:
        """Run the next step, or a burst of compiled ones; yield the metrics of each, and the events of a compilation.

        Args:
            limit: Largest number of steps.
            poll_commands: Returns whether commands arrived, given the number of steps done; they end a burst early.
                No step is run if they arrive during a compilation, which goes on meanwhile.

        Raises:
            NotFiniteError: in place of the metrics of a step whose loss or gradient is not finite.
        """
        session, policy, graph_key = self._session, self._policy, self._session.graph_key()
        # Compile, once the optimizers have the moments that a compiled step updates.
        if policy.should_compile(graph_key) and all(
            optim.has_state(optimizer, session.config.optim) for optimizer in session.optimizers.values()
        ):
            yield from policy.compile(graph_key, self._compiled_step, session.step, poll_commands)
            session.restart_eta()
            if policy.is_compiling:  # commands come first
                return
        # Run.
        compiled = policy.compiled_step(graph_key)
        if compiled is None:
            yield from self._run_eager()
        else:
            yield from self._run_compiled(compiled, self._burst_size(graph_key, limit), poll_commands)

    def _run_eager(self) -> Iterator[Event]:
        session, policy = self._session, self._policy
        policy.start_timer()
        self._rate.start()
        # Train on the next batch.
        lr, batch = session.lr(session.step), session.batch(session.step)
        updater = EagerUpdater(session.optimizers, session.lrs(lr), session.config.optim)
        train_step(session.model, batch, session.context(session.step), updater)
        if not self._is_checked:
            declared = {spec.name for spec in metric_specs(session)}
            for name in updater.metrics.keys() - declared:
                raise undeclared_metric_error(session.model, name)
        # Update the EMA weights.
        session.advance()
        session.ema.update(session.step)
        if not self._is_checked:  # the first step sets up libraries and memory, and takes many times longer
            self._is_checked = True
            session.restart_eta()
        # Report.
        rate = self._rate.stop(len(batch))
        metrics = session.metrics_event({**updater.metrics, "train/lr": lr, "speed/images_per_s": rate})
        policy.stop_timer()
        yield from self._after_step(metrics)
        yield metrics

    def _run_compiled(
        self, compiled: CompiledStep, count: int, poll_commands: Callable[[int], bool]
    ) -> Iterator[Event]:
        session, policy, first = self._session, self._policy, self._session.step
        self._rate.start()
        policy.start_timer()
        start_s, random_state = session.stopwatch.elapsed_s, session.generator.get_state()
        # Prepare the batches and random numbers of all steps.
        lrs = [session.lr(first + offset) for offset in range(count)]
        inputs = [self._inputs(compiled, first + offset, lr) for offset, lr in enumerate(lrs)]
        # Run the steps one after another, without waiting for their results.
        outputs: list[Tensor] = []
        while len(outputs) < count:
            outputs.append(compiled.run(inputs[len(outputs)]))
            session.ema.update(first + len(outputs))
            if len(outputs) < count and poll_commands(first + len(outputs)):
                break
        # After a burst that commands ended early, restore the generator to the state after the last step.
        if len(outputs) < count:
            session.generator.set_state(random_state)
            for offset in range(len(outputs)):
                self._inputs(compiled, first + offset, lrs[offset])
        # Read the results: the only wait for the device.
        results = [output.tolist() for output in outputs]
        took_s = session.stopwatch.elapsed_s - start_s
        policy.stop_timer(len(results))
        rate = self._rate.stop(len(results) * session.sampler.batch_size)
        # Report each step. They share the time evenly.
        for number, (result, lr) in enumerate(zip(results, lrs, strict=False), start=1):
            values = step_metrics(compiled.results(result), single=len(session.optimizers) == 1)
            session.advance()
            metrics = session.metrics_event(
                {**values, "train/lr": lr, "speed/images_per_s": rate}, start_s + took_s * number / len(results)
            )
            yield from self._after_step(metrics)
            yield metrics

    def _after_step(self, metrics: Metrics) -> Iterator[Event]:
        """Let the policy decide; the estimate of the remaining time restarts with the pace after a decision."""
        session = self._session
        for event in session.compile_policy.after_step(
            session.model, session.step, metrics.seconds_left, self._num_operations
        ):
            session.restart_eta()
            yield event

    def _burst_size(self, graph_key: Hashable, limit: int) -> int:
        """Return the number of steps of a burst: up to `limit`, as long as the graph key stays the same.

        It is 1 while compiled and eager steps are still being compared.
        """
        session, policy = self._session, self._policy
        if not policy.uses_compiled_steps or not policy.step_s:
            return 1
        size = min(limit, MAX_BURST_STEPS, int(MAX_BURST_S / policy.step_s))
        other_keys = (offset for offset in range(1, size) if session.graph_key(session.step + offset) != graph_key)
        return max(1, next(other_keys, size))

    def _inputs(self, compiled: CompiledStep, step: int, lr: float) -> list[Tensor]:
        session = self._session
        max_norm = session.config.optim.grad_clip
        return compiled.prepare(session.batch(step), session.context(step), session.lrs(lr), max_norm)

    def _compiled_step(self) -> CompiledStep:
        session = self._session
        batch, context = session.example_batch(), session.context(session.step)
        steps = self._check_steps()
        return CompiledStep(session.model, session.optimizers, session.config.optim, batch, context, steps)

    def _check_steps(self) -> list[int]:
        """Return two different steps of the present graph key: the next one, and one as late as possible."""
        session, first = self._session, self._session.step
        last = first + _LATE_CHECK_STEPS if session.length.steps is None else session.length.steps - 1
        candidates = (last, *(first + offset for offset in (_LATE_CHECK_STEPS, 1000, 100, 10, 1)))
        key = session.graph_key()
        later = (step for step in candidates if step > first and session.graph_key(step) == key)
        return [first, next(later, first)]

    def _num_operations(self) -> int:
        session = self._session
        context = session.context(session.step)
        return num_operations(session.model, session.config.optim, session.example_batch(), context)
