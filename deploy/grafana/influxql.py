"""InfluxQL queries with Grafana variables, for either of Heapster's schemas.

An interval of a panel may hold several windows. So each entity's values are averaged over the interval first, and the
means are summed over the entities. Summing all points of an interval would count an entity once per window.
"""

from typing import Final, NamedTuple


class Schema(NamedTuple):
    """How the writer names measurements and fields."""

    name: str
    title: str
    with_fields: bool  # whether the sink has the option withfields

    def names(self, metric: str) -> tuple[str, str]:
        """Return the measurement and the field of a metric."""
        group, slash, rest = metric.partition("/")
        return (group, rest) if self.with_fields and slash else (metric, "value")


DEFAULT: Final = Schema("default", "", with_fields=False)
WITH_FIELDS: Final = Schema("withfields", " (withfields)", with_fields=True)
SCHEMAS: Final = (DEFAULT, WITH_FIELDS)

# One cluster at a time: nodes of two clusters may have the same name, and a mean over both would be wrong.
ONE_CLUSTER: Final = "\"cluster_name\" = '$cluster'"
CLUSTER: Final = f"{ONE_CLUSTER} AND \"type\" = 'cluster'"
NODE: Final = f"{ONE_CLUSTER} AND \"type\" = 'node'"
NAMESPACE: Final = f"{ONE_CLUSTER} AND \"type\" = 'ns'"
POD: Final = f"{ONE_CLUSTER} AND \"type\" = 'pod'"
CONTAINER: Final = f"{ONE_CLUSTER} AND \"type\" = 'pod_container'"
SYSTEM: Final = f"{ONE_CLUSTER} AND \"type\" = 'sys_container'"
OF_NODES: Final = ' AND "nodename" =~ /^$node$/'  # several nodes may be selected
OF_NAMESPACES: Final = ' AND "namespace_name" =~ /^$namespace$/'
OF_NAMESPACE: Final = " AND \"namespace_name\" = '$namespace'"
OF_POD: Final = " AND \"pod_name\" = '$pod'"
ROOT_DISK: Final = " AND \"resource_id\" = '/'"


class Series(NamedTuple):
    """One query of a panel, for any schema."""

    metric: str
    where: str
    legend: str
    each: tuple[str, ...] = ()  # tags that identify an entity
    by: tuple[str, ...] = ()  # tags to group the sums by
    summed: bool = False

    def query(self, schema: Schema) -> str:
        """Return the query as InfluxQL with Grafana variables."""
        if not self.summed:
            return self._means(schema, self.by)
        return (
            f'SELECT sum("mean") FROM ({self._means(schema, (*self.by, *self.each))})'  # noqa: S608 - our own names
            f" WHERE $timeFilter GROUP BY time($__interval){_tags(self.by)} fill(null)"
        )

    def _means(self, schema: Schema, tags: tuple[str, ...]) -> str:
        measurement, field = schema.names(self.metric)
        return (
            f'SELECT mean("{field}") FROM "{measurement}" WHERE {self.where} AND $timeFilter'  # noqa: S608 - our own names
            f" GROUP BY time($__interval){_tags(tags)} fill(null)"
        )


def mean(metric: str, where: str, legend: str, *by: str) -> Series:
    """Query the mean over the interval of each entity; the tags `by` identify an entity."""
    return Series(metric, where, legend, by=by)


def total(metric: str, where: str, legend: str, *each: str, by: tuple[str, ...] = ()) -> Series:
    """Query the sum over entities of their means; the tags `each` identify an entity."""
    return Series(metric, where, legend, each=each, by=by, summed=True)


def tag_values(tag: str, where: str = "") -> str:
    """Query the values of a tag, for a variable. The measurement is uptime: every entity has it, in both schemas."""
    return f'SHOW TAG VALUES FROM "uptime" WITH KEY = "{tag}"' + (f" WHERE {where}" if where else "")


def _tags(names: tuple[str, ...]) -> str:
    return "".join(f', "{name}"' for name in names)
