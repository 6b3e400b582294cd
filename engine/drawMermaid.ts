import type { Graph, GraphNode, NodeKind } from './graph.js';

const SHAPES: Readonly<Record<NodeKind, readonly [string, string]>> = {
  source: ['([', '])'],
  operator: ['[', ']'],
  sink: ['[[', ']]'],
  place: ['[(', ')]'],
  connection: ['{{', '}}'],
};

/** The graph as a mermaid flowchart, which GitHub and many wikis draw. */
export function drawMermaid({ pipelines, nodes, edges }: Graph): string {
  const number = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const node = ({ id, kind, label, detail }: GraphNode) => {
    const [open, close] = SHAPES[kind];
    return `${number.get(id)}${open}"${escaped(detail === '' ? label : `${label} ${detail}`)}"${close}`;
  };
  const inside = new Set(pipelines.flatMap((pipeline) => pipeline.nodes));
  return [
    'flowchart LR',
    ...pipelines.flatMap(({ name, schedule, nodes: ids }, index) => [
      `  subgraph p${index}["${escaped(schedule === '' ? name : `${name} (${schedule})`)}"]`,
      ...nodes.filter(({ id }) => ids.includes(id)).map((one) => `    ${node(one)}`),
      '  end',
    ]),
    ...nodes.filter(({ id }) => !inside.has(id)).map((one) => `  ${node(one)}`),
    ...edges.map(
      ({ from, to, kind }) => `  ${number.get(from)} ${kind === 'chain' ? '-->' : '-.->'} ${number.get(to)}`,
    ),
    '',
  ].join('\n');
}

/** Quotes end a label, a line break a line, `#` begins an entity. */
function escaped(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[#"<>&]/g, (character) => `#${character.charCodeAt(0)};`);
}
