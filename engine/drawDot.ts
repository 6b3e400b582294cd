import type { Graph, GraphNode, NodeKind } from './graph.js';

const SHAPES: Readonly<Record<NodeKind, string>> = {
  source: 'oval',
  operator: 'box',
  sink: 'box3d',
  place: 'cylinder',
  connection: 'hexagon',
};

/** The graph in the language of Graphviz: `iovpipe graph --format dot | dot -Tpng`. */
export function drawDot({ pipelines, nodes, edges }: Graph): string {
  const node = ({ id, kind, label, detail }: GraphNode) =>
    `${quoted(id)} [shape=${SHAPES[kind]}, label=${quoted(detail === '' ? label : `${label}\n${detail}`)}];`;
  const inside = new Set(pipelines.flatMap((pipeline) => pipeline.nodes));
  return [
    'digraph pipelines {',
    '  rankdir=LR;',
    '  node [fontname="sans-serif", fontsize=11];',
    ...pipelines.flatMap(({ name, schedule, nodes: ids }, index) => [
      `  subgraph cluster_${index} {`,
      `    label=${quoted(schedule === '' ? name : `${name} (${schedule})`)};`,
      ...nodes.filter(({ id }) => ids.includes(id)).map((one) => `    ${node(one)}`),
      '  }',
    ]),
    ...nodes.filter(({ id }) => !inside.has(id)).map((one) => `  ${node(one)}`),
    ...edges.map(
      ({ from, to, kind }) => `  ${quoted(from)} -> ${quoted(to)}${kind === 'chain' ? '' : ' [style=dashed]'};`,
    ),
    '}',
    '',
  ].join('\n');
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
