import type { CheckedConfig } from '../engine/config.js';

/** Options to change, by the component's name: `{ split: { bytesMax: 1_000_000 } }`. */
export type Changes = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * The same pipelines at other addresses: the demo runs the shipped pipeline files on loopback and free ports, and cuts its
 * files smaller. Everything else stays as the file says.
 */
export function relocate(
  config: CheckedConfig,
  changes: { connections?: Changes; components?: Changes; sinks?: Changes },
): CheckedConfig {
  const { connections = {}, components = {}, sinks = {} } = changes;
  const changed = <Part extends { options: object; spec: { name: string } }>(
    part: Part,
    by: object | undefined,
  ): Part => ({
    ...part,
    options: { ...part.options, ...by },
  });
  return {
    ...config,
    connections: Object.fromEntries(
      Object.entries(config.connections).map(([name, connection]) => [name, changed(connection, connections[name])]),
    ),
    pipelines: config.pipelines.map((pipeline) => ({
      ...pipeline,
      source: changed(pipeline.source, components[pipeline.source.spec.name]),
      operators: pipeline.operators.map((operator) => changed(operator, components[operator.spec.name])),
      sink: changed(pipeline.sink, sinks[pipeline.name]),
    })),
  };
}
