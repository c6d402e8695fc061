"""The subcommands of `handsoff` that make generators and inverters: generator, train, stop, inverter."""

from handsoff_client.cli.options import check_option_names, merged
from handsoff_client.cli.runner import Runner


class GeneratorCommands(Runner):
    """Each public method is a subcommand."""

    def generator(self) -> None:
        arguments = self._arguments
        job = self._client.generators.upload(
            arguments.checkpoint,
            name=arguments.name,
            license=arguments.license,
            import_options=merged(arguments.option),
        )
        self._print_new(job)
        if arguments.wait:
            self._wait(self._client.generators, job.id)

    def inverter(self) -> None:
        arguments = self._arguments
        job = self._client.inverters.create(generator=arguments.generator, seed=arguments.seed)
        self._print_new(job)
        if arguments.wait:
            self._wait(self._client.inverters, job.id)

    def train(self) -> None:
        arguments = self._arguments
        options = merged(
            arguments.option,
            family=arguments.family,
            px=arguments.px,
            fit=arguments.fit,
            hours=arguments.hours,
            images=arguments.images,
            flips=arguments.flips or None,
            start_from=arguments.start_from,
            seed=arguments.seed,
        )
        check_option_names(
            self._client.transport, options or {}, body="GeneratorCreate", field="training"
        )
        job = self._client.generators.train(
            arguments.folder,
            name=arguments.name or arguments.folder.resolve().name,
            license=arguments.license,
            **(options or {}),
        )
        self._report_missing_worker("train", "no worker trains at the moment")
        self._print_new(job)
        if arguments.wait:
            self._wait(self._client.generators, job.id)

    def stop(self) -> None:
        job = self._client.generators.stop(self._arguments.generator)
        self._print(job.json, f"{job.id} is {job.status}; its best snapshot becomes the generator")
