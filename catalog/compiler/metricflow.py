"""MetricFlow, embedded: a manifest made of one definition, its engine without a database, SQL out.

Only ``explain`` is used. Filters become CASE expressions inside the measures, so that MetricFlow's own filter
templates, which it pastes verbatim, never see a word of a definition.
"""

import json
import logging
from collections.abc import Collection
from importlib.metadata import version
from typing import Any, cast

from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlClient, SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.errors.error_classes import InvalidQueryException
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup
from sqlglot import exp

from catalog.compiler import rendering
from catalog.compiler.port import CompiledMetric, Grain, Source, Surroundings
from catalog.definitions import (
    Aggregation,
    Cumulative,
    Derived,
    ExpertSql,
    Measure,
    MetricDefinition,
    Ratio,
    Simple,
    columns_of,
)
from catalog.exceptions import BadDefinition, RefusedSql, UnknownColumn, UnknownDataset, UnknownMetric
from portal.said import said, said_of
from portal.warehouse import errors as warehouse
from portal.warehouse import linting

_VALUE, _SAMPLE = "metric_value", "sample_size"
_SPINE = "desk_time_spine"
_DEEPEST = 5

# It tells of each of its steps; a run's log is for people.
for _name in ("metricflow", "metricflow_semantics", "metricflow_semantic_interfaces"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class MetricFlowCompiler:
    """Compiles simple, ratio, cumulative and derived metrics by MetricFlow, expert SQL by linting it."""

    def __init__(self, *, dialect: str) -> None:
        """Take the warehouse's dialect, by sqlglot's name."""
        if dialect != "duckdb":
            raise BadDefinition(
                said(
                    "Metrics cannot be compiled to %(dialect)s yet; the warehouse must be DuckLake.",
                    dialect=dialect,
                )
            )
        self._dialect = dialect
        self._name = f"metricflow {version('metricflow')}"

    def compile(
        self, definition: MetricDefinition, grain: Grain, surroundings: Surroundings
    ) -> CompiledMetric:
        """Compile for one grain; raises BadDefinition or what is unknown: dataset, column, metric."""
        if isinstance(definition.computation, ExpertSql):
            tree = self._expert(definition, definition.computation, grain, surroundings)
            period = "period"
        else:
            manifest = _Manifest(surroundings)
            manifest.add(definition, name=_VALUE, sample=_SAMPLE)
            tree = self._explained(manifest, grain)
            period = f"metric_time__{grain}"
        return CompiledMetric(
            sql=self._finished(tree, period=period, surroundings=surroundings),
            dialect=self._dialect,
            compiler=self._name,
        )

    def _explained(self, manifest: "_Manifest", grain: Grain) -> exp.Query:
        try:
            parsed = parse_manifest_from_dbt_generated_manifest(json.dumps(manifest.content()))
            engine = MetricFlowEngine(
                semantic_manifest_lookup=SemanticManifestLookup(parsed),
                sql_client=cast("SqlClient", _NoClient()),
            )
            request = MetricFlowQueryRequest.create(
                metric_names=[_VALUE, _SAMPLE], group_by_names=[f"metric_time__{grain}"]
            )
            statement = engine.explain(request).sql_statement
        except (InvalidQueryException, ValueError, RuntimeError, AssertionError, KeyError) as exc:
            why = str(exc).strip().splitlines()[0]
            message = said("MetricFlow cannot compile this metric: %(why)s", why=why)
            raise BadDefinition(message) from exc
        tree = self._select(statement.without_descriptions.sql)
        return manifest.with_spine(tree)

    def _expert(
        self, definition: MetricDefinition, written: ExpertSql, grain: Grain, surroundings: Surroundings
    ) -> exp.Query:
        self._require_readable(written.sql, surroundings, parameters=["grain"])
        tree = self._select(written.sql)
        places = [each for each in tree.find_all(exp.Parameter, exp.Placeholder) if each.name == "grain"]
        if not places and len(definition.grains) > 1:
            raise BadDefinition(
                said("SQL for several grains cuts its periods by $grain, as in date_trunc($grain, day).")
            )
        for place in places:
            place.replace(exp.Literal.string(grain))
        missing = [name for name in ("period", "value") if name not in tree.named_selects]
        if missing:
            message = said(
                "The SQL must return period and value (and sample); it lacks %(missing)s.",
                missing=", ".join(missing),
            )
            raise BadDefinition(message)
        # Aliased to the names that MetricFlow's queries have, so that both are finished alike.
        sample = rendering.column("sample") if "sample" in tree.named_selects else exp.Null()
        return exp.select(
            rendering.column("period"),
            rendering.column("value").as_(_VALUE),
            sample.as_(_SAMPLE),
        ).from_(tree.subquery("written"))

    def _finished(self, tree: exp.Query, *, period: str, surroundings: Surroundings) -> str:
        day = exp.cast(rendering.column(period), exp.DataType.Type.DATE)
        query = (
            exp.select(
                day.as_("period"),
                exp.cast(rendering.column(_VALUE), exp.DataType.Type.DOUBLE).as_("value"),
                exp.cast(rendering.column(_SAMPLE), exp.DataType.Type.BIGINT).as_("sample"),
            )
            .from_(tree.subquery("computed"))
            .where(rendering.column(period).is_(exp.Null()).not_())
            .order_by("period")
        )
        sql = linting.rendered(query, dialect=self._dialect)
        # Read once more as it will be sent: what another program wrote is trusted no more than a person.
        self._require_readable(sql, surroundings)
        return sql

    def _select(self, sql: str) -> exp.Query:
        try:
            return linting.select_of(sql, dialect=self._dialect)
        except warehouse.RefusedSql as exc:
            raise RefusedSql(said_of(exc)) from exc

    def _require_readable(
        self, sql: str, surroundings: Surroundings, parameters: Collection[str] = ()
    ) -> None:
        tables = {
            source.table: linting.ReadableTable(source.table, source.columns)
            for source in surroundings.sources.values()
        }
        try:
            linting.prepare(sql, dialect=self._dialect, tables=tables, parameters=parameters)
        except warehouse.RefusedSql as exc:
            raise RefusedSql(said_of(exc)) from exc


class _NoClient:
    """What MetricFlow's engine wants to know of a database; it never gets one to talk to."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        """Return how a parameter stands in the statement."""
        return f"${bind_parameter_key}"


class _Manifest:
    """Gathers one definition, and those it is derived from, into MetricFlow's manifest."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._models: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._metrics: list[dict[str, Any]] = []
        self._times: list[tuple[Source, exp.Expr]] = []

    def content(self) -> dict[str, Any]:
        """Return the manifest as MetricFlow reads it."""
        spine = {
            "node_relation": {"alias": _SPINE, "schema_name": "main", "relation_name": f"main.{_SPINE}"},
            "primary_column": {"name": "day", "time_granularity": "day"},
        }
        return {
            "semantic_models": list(self._models.values()),
            "metrics": self._metrics,
            "project_configuration": {"time_spines": [spine]},
        }

    def tables(self) -> list[str]:
        """Return the tables that the definitions read."""
        return [source.table for source, _ in self._times]

    def add(self, definition: MetricDefinition, *, name: str, sample: str, depth: int = 0) -> None:
        """Add a definition under ``name``, and its sample size under ``sample``."""
        computation = definition.computation
        if isinstance(computation, Derived):
            self._add_derived(computation, name=name, sample=sample, depth=depth)
            return
        model = self._model(definition)
        if isinstance(computation, Simple):
            self._add_measure(name, computation.measure, model)
            self._add_sample(sample, computation.measure, model)
        elif isinstance(computation, Ratio):
            self._add_measure(f"{name}_above", computation.numerator, model)
            self._add_measure(f"{name}_below", computation.denominator, model)
            self._add_sample(sample, computation.denominator, model)
            parts = {"numerator": {"name": f"{name}_above"}, "denominator": {"name": f"{name}_below"}}
            self._metrics.append({"name": name, "type": "ratio", "type_params": parts})
        elif isinstance(computation, Cumulative):
            self._add_measure(f"{name}_each", computation.measure, model)
            self._add_sample(f"{sample}_each", computation.measure, model)
            self._add_cumulative(name, f"{name}_each", computation)
            self._add_cumulative(sample, f"{sample}_each", computation)
        else:
            raise BadDefinition(said("A derived metric cannot be made of expert SQL."))

    def with_spine(self, tree: exp.Query) -> exp.Query:
        """Replace MetricFlow's table of all days by the days between the first and the last row."""
        places = [each for each in tree.find_all(exp.Table) if each.name == _SPINE]
        for place in places:
            place.replace(self._days().subquery(place.alias or _SPINE))
        return tree

    def _days(self) -> exp.Select:
        bounds = []
        for pick in ("MIN", "MAX"):
            ends = [
                exp.select(exp.func(pick, exp.cast(time.copy(), exp.DataType.Type.DATE)))
                .from_(rendering.table(source.table))
                .subquery()
                for source, time in self._times
            ]
            bounds.append(
                exp.func("LEAST" if pick == "MIN" else "GREATEST", *ends) if len(ends) > 1 else ends[0]
            )
        series = exp.GenerateSeries(
            start=bounds[0],
            end=bounds[1],
            step=exp.Interval(this=exp.Literal.string("1"), unit=exp.var("DAY")),
        )
        # After FROM: the engine makes these rows in pieces, where a list would be one value of any size.
        days = exp.Table(
            this=series,
            alias=exp.TableAlias(
                this=exp.to_identifier("days", quoted=True), columns=[exp.to_identifier("each", quoted=True)]
            ),
        )
        return exp.select(exp.cast(rendering.column("each"), exp.DataType.Type.DATE).as_("day")).from_(days)

    def _model(self, definition: MetricDefinition) -> str:
        source = self._surroundings.sources.get(definition.dataset)
        if source is None:
            raise UnknownDataset(definition.dataset)
        for name in columns_of(definition):
            if name not in source.columns:
                raise UnknownColumn(definition.dataset, name, list(source.columns))
        identity = (definition.dataset, definition.time_column, definition.time_zone)
        if identity not in self._models:
            time = rendering.period_of(
                definition.time_column, source.columns[definition.time_column], definition.time_zone
            )
            self._times.append((source, time))
            self._models[identity] = _semantic_model(f"source_{len(self._models)}", source, time)
        return str(self._models[identity]["name"])

    def _add_measure(self, name: str, measure: Measure, model: str) -> None:
        self._add_simple(name, measure.aggregation, rendering.expression_of(measure), model)

    def _add_sample(self, name: str, measure: Measure, model: str) -> None:
        self._add_simple(name, Aggregation.COUNT, rendering.sample_of(measure), model)

    def _add_simple(self, name: str, aggregation: Aggregation, value: exp.Expr, model: str) -> None:
        parts = {
            "expr": value.sql(dialect="duckdb"),
            "metric_aggregation_params": {
                "semantic_model": model,
                "agg": aggregation.value,
                "agg_time_dimension": "period",
            },
        }
        self._metrics.append({"name": name, "type": "simple", "type_params": parts})

    def _add_cumulative(self, name: str, each: str, computation: Cumulative) -> None:
        # A week or month of a running total shows where it stood at its end.
        parts: dict[str, Any] = {"metric": {"name": each}, "period_agg": "last"}
        if computation.window:
            count, _, unit = computation.window.partition(" ")
            parts["window"] = {"count": int(count), "granularity": unit.removesuffix("s")}
        if computation.grain_to_date:
            parts["grain_to_date"] = computation.grain_to_date
        self._metrics.append(
            {"name": name, "type": "cumulative", "type_params": {"cumulative_type_params": parts}}
        )

    def _add_derived(self, computation: Derived, *, name: str, sample: str, depth: int) -> None:
        if depth >= _DEEPEST:
            raise BadDefinition(
                said("A derived metric is made of others that lead back to it, or too deep down.")
            )
        expression = rendering.arithmetic(computation.expression, computation.inputs)
        values, samples = [], []
        for alias, key in sorted(computation.inputs.items()):
            given = self._surroundings.metrics.get(key)
            if given is None:
                raise UnknownMetric(key)
            self.add(given, name=f"{name}_{alias}", sample=f"{sample}_{alias}", depth=depth + 1)
            values.append({"name": f"{name}_{alias}", "alias": alias})
            samples.append({"name": f"{sample}_{alias}", "alias": alias})
        self._metrics.append(
            {"name": name, "type": "derived", "type_params": {"expr": expression, "metrics": values}}
        )
        # It rests on no more rows than the weakest of what it is made of.
        weakest = f"LEAST({', '.join(sorted(computation.inputs))})"
        self._metrics.append(
            {"name": sample, "type": "derived", "type_params": {"expr": weakest, "metrics": samples}}
        )


def _semantic_model(name: str, source: Source, time: exp.Expr) -> dict[str, Any]:
    schema, _, plain = source.table.rpartition(".")
    return {
        "name": name,
        "node_relation": {
            "alias": plain,
            "schema_name": schema,
            "relation_name": rendering.table(source.table).sql(dialect="duckdb"),
        },
        "primary_entity": f"{name}_row",
        "entities": [],
        "measures": [],
        "dimensions": [
            {
                "name": "period",
                "type": "time",
                "expr": time.sql(dialect="duckdb"),
                "type_params": {"time_granularity": "day"},
            }
        ],
        "defaults": {"agg_time_dimension": "period"},
    }
