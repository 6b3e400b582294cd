import type { CheckedConfig } from '../engine/config.js';

/** A pipeline as a drawing needs it: no option but the connection it uses. */
export interface PipelineShape {
  name: string;
  schedule?: { at: string; finishBy?: string };
  manual: boolean;
  source: { name: string; summary: string; on?: string };
  operators: { name: string; summary: string }[];
  sink: { name: string; summary: string; on?: string };
}

export function pipelinesView({ pipelines }: CheckedConfig): PipelineShape[] {
  const end = ({ spec, options }: { spec: { name: string; summary: string }; options: { on?: unknown } }) => ({
    name: spec.name,
    summary: spec.summary,
    ...(typeof options.on === 'string' && { on: options.on }),
  });
  return pipelines.map(({ name, schedule, manual, source, operators, sink }) => ({
    name,
    ...(schedule && { schedule }),
    manual,
    source: end(source),
    operators: operators.map(({ spec }) => ({ name: spec.name, summary: spec.summary })),
    sink: end(sink),
  }));
}
