"""Questions to InfluxDB, for either of Heapster's schemas, as Grafana fills them in.

A panel's interval may hold several windows: values of one entity are averaged over it, and only then summed over
entities. Summing all points of an interval counts each window once more; averaging over nodes is no total.
"""

from typing import Final, NamedTuple


class Schema(NamedTuple):
    """How the writer has named measurements and fields."""

    name: str
    title: str
    with_fields: bool  # the sink's option withfields

    def place(self, metric: str) -> tuple[str, str]:
        """Measurement and field of a metric."""
        group, slash, rest = metric.partition("/")
        return (group, rest) if self.with_fields and slash else (metric, "value")


DEFAULT: Final = Schema("default", "", with_fields=False)
WITH_FIELDS: Final = Schema("withfields", " (withfields)", with_fields=True)
SCHEMAS: Final = (DEFAULT, WITH_FIELDS)

# One cluster at a time: nodes of two may have one name, and the mean of two clusters is neither's.
ONE_CLUSTER: Final = "\"cluster_name\" = '$cluster'"
CLUSTER: Final = f"{ONE_CLUSTER} AND \"type\" = 'cluster'"
NODE: Final = f"{ONE_CLUSTER} AND \"type\" = 'node'"
NAMESPACE: Final = f"{ONE_CLUSTER} AND \"type\" = 'ns'"
POD: Final = f"{ONE_CLUSTER} AND \"type\" = 'pod'"
CONTAINER: Final = f"{ONE_CLUSTER} AND \"type\" = 'pod_container'"
SYSTEM: Final = f"{ONE_CLUSTER} AND \"type\" = 'sys_container'"
OF_NODES: Final = ' AND "nodename" =~ /^$node$/'  # several may be chosen
OF_NAMESPACES: Final = ' AND "namespace_name" =~ /^$namespace$/'
OF_NAMESPACE: Final = " AND \"namespace_name\" = '$namespace'"
OF_POD: Final = " AND \"pod_name\" = '$pod'"
ROOT_DISK: Final = " AND \"resource_id\" = '/'"


class Series(NamedTuple):
    """One question of a panel, for any schema."""

    metric: str
    where: str
    legend: str
    each: tuple[str, ...] = ()  # tags that tell the entities apart
    by: tuple[str, ...] = ()  # tags that remain in a sum over them
    summed: bool = False

    def query(self, schema: Schema) -> str:
        """InfluxQL with Grafana's variables."""
        if not self.summed:
            return self._means(schema, self.by)
        return (
            f'SELECT sum("mean") FROM ({self._means(schema, (*self.by, *self.each))})'  # noqa: S608 - our own names
            f" WHERE $timeFilter GROUP BY time($__interval){_tags(self.by)} fill(null)"
        )

    def _means(self, schema: Schema, tags: tuple[str, ...]) -> str:
        measurement, field = schema.place(self.metric)
        return (
            f'SELECT mean("{field}") FROM "{measurement}" WHERE {self.where} AND $timeFilter'  # noqa: S608 - our own names
            f" GROUP BY time($__interval){_tags(tags)} fill(null)"
        )


def mean(metric: str, where: str, legend: str, *by: str) -> Series:
    """Of each entity that the tags `by` tell apart, its mean over the interval."""
    return Series(metric, where, legend, by=by)


def total(metric: str, where: str, legend: str, *each: str, by: tuple[str, ...] = ()) -> Series:
    """The sum over entities, told apart by the tags `each`, of their means over the interval."""
    return Series(metric, where, legend, each=each, by=by, summed=True)


def tag_values(tag: str, where: str = "") -> str:
    """What a variable can be: values of a tag. Every entity has an uptime, in both schemas under this name."""
    return f'SHOW TAG VALUES FROM "uptime" WITH KEY = "{tag}"' + (f" WHERE {where}" if where else "")


def _tags(names: tuple[str, ...]) -> str:
    return "".join(f', "{name}"' for name in names)
