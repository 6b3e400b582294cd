import type { Graph, GraphNode } from './graph.js';

// A row a pipeline: what it takes from places, its chain, what it leaves and who takes that up. Lines never cross, so that
// twenty pipelines are as readable as two; the same place has the same name wherever it stands.

const CHARACTER = 7.3;
const ROW = 92;
const BOX = { height: 40, gap: 22, padding: 14, widthMin: 64 };
const MARGIN = 16;

interface Box {
  node: GraphNode;
  x: number;
  width: number;
}

/** The graph as an SVG, without any other program; in light and dark. */
export function drawSvg(graph: Graph): string {
  const byId = new Map(graph.nodes.map((node) => [node.id, node]));
  const rows = graph.pipelines.map(({ name, schedule, nodes }, index) => {
    const taken = placesOf(graph, nodes, 'to', byId);
    const left = placesOf(graph, nodes, 'from', byId);
    return { name, schedule, nodes, taken, left, y: MARGIN + index * ROW };
  });
  const inputs = Math.max(0, ...rows.flatMap(({ taken }) => taken.map(({ label }) => widthOf(label))));
  const start = MARGIN + (inputs === 0 ? 0 : inputs + BOX.gap * 2);
  const drawn = rows.map((row) => {
    const boxes = inLine(
      row.nodes.map((id) => byId.get(id)!),
      start,
    );
    const end = (boxes.at(-1)?.x ?? start) + (boxes.at(-1)?.width ?? 0);
    const outputs = row.left.map((place) => ({ label: place.label, readers: readersOf(place.id, graph) }));
    const text = outputs.map(({ label, readers }) => (readers.length > 0 ? `${label} ▸ ${readers.join(', ')}` : label));
    return { ...row, boxes, end, text };
  });
  const width =
    Math.max(320, ...drawn.map(({ end, text }) => end + BOX.gap * 2 + Math.max(0, ...text.map(widthOf)))) + MARGIN;
  const height = MARGIN * 2 + rows.length * ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" width="${Math.ceil(width)}" height="${height}" role="img">`,
    '<title>Pipelines</title>',
    STYLE,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z"/></marker></defs>',
    ...drawn.map(({ name, schedule, y, taken, boxes, text, end }) =>
      [
        `<g><title>${escaped(name)}</title>`,
        `<text class="name" x="${start}" y="${y + 12}">${escaped(name)}${schedule === '' ? '' : `<tspan class="quiet" dx="8">${escaped(schedule)}</tspan>`}</text>`,
        ...taken.map(
          ({ label }, at) =>
            `<text class="place" text-anchor="end" x="${start - BOX.gap * 1.5}" y="${lineAt(y, at, taken.length)}">${escaped(label)}</text>`,
        ),
        ...(taken.length > 0 ? [arrow(start - BOX.gap * 1.3, start, y)] : []),
        ...boxes.map((box, at) => boxAt(box, y) + (at > 0 ? arrow(box.x - BOX.gap, box.x, y) : '')),
        ...(text.length > 0 ? [arrow(end, end + BOX.gap * 1.3, y)] : []),
        ...text.map(
          (line, at) =>
            `<text class="place" x="${end + BOX.gap * 1.5}" y="${lineAt(y, at, text.length)}">${escaped(line)}</text>`,
        ),
        '</g>',
      ].join('\n'),
    ),
    '</svg>',
    '',
  ].join('\n');
}

const STYLE = `<style>
svg{background:#fff;font:12px ui-monospace,Menlo,Consolas,monospace}
text{fill:#1b1f24}.name{font-weight:700}.quiet,.place,.detail{fill:#57606a}.detail{font-size:10px}
rect{fill:#f6f8fa;stroke:#8c959f}.source{fill:#ddf4ff;stroke:#0969da}.sink{fill:#dafbe1;stroke:#1a7f37}
path{fill:none;stroke:#57606a}marker path{fill:#57606a;stroke:none}
@media(prefers-color-scheme:dark){svg{background:#0d1117}text{fill:#e6edf3}.quiet,.place,.detail{fill:#9198a1}
rect{fill:#161b22;stroke:#6e7681}.source{fill:#0c2d6b;stroke:#58a6ff}.sink{fill:#04260f;stroke:#3fb950}
path{stroke:#9198a1}marker path{fill:#9198a1}}
</style>`;

/** Places that edges of these components lead `from` or `to`, each once. */
function placesOf(
  { edges }: Graph,
  nodes: readonly string[],
  end: 'from' | 'to',
  byId: ReadonlyMap<string, GraphNode>,
): GraphNode[] {
  const other = end === 'from' ? 'to' : 'from';
  const ids = edges.filter((edge) => edge.kind === 'place' && nodes.includes(edge[end])).map((edge) => edge[other]);
  return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
}

function readersOf(place: string, { edges, pipelines }: Graph): string[] {
  const readers = new Set(edges.filter(({ from }) => from === place).map(({ to }) => to));
  return pipelines.filter(({ nodes }) => nodes.some((id) => readers.has(id))).map(({ name }) => name);
}

function inLine(nodes: readonly GraphNode[], start: number): Box[] {
  let x = start;
  return nodes.map((node) => {
    const width = Math.max(BOX.widthMin, BOX.padding + widthOf(node.label), BOX.padding + widthOf(node.detail) * 0.85);
    const box = { node, x, width };
    x += width + BOX.gap;
    return box;
  });
}

function boxAt({ node: { kind, label, detail }, x, width }: Box, y: number): string {
  const top = y + 22;
  const middle = x + width / 2;
  return [
    `<rect class="${kind}" x="${round(x)}" y="${top}" width="${round(width)}" height="${BOX.height}" rx="${kind === 'operator' ? 4 : 12}"/>`,
    `<text text-anchor="middle" x="${round(middle)}" y="${top + (detail === '' ? 24 : 18)}">${escaped(label)}</text>`,
    ...(detail === ''
      ? []
      : [`<text class="detail" text-anchor="middle" x="${round(middle)}" y="${top + 32}">${escaped(detail)}</text>`]),
  ].join('');
}

function arrow(from: number, to: number, y: number): string {
  return `<path d="M${round(from)},${y + 42}H${round(to)}" marker-end="url(#tip)"/>`;
}

/** Lines of text around the middle of a row. */
const lineAt = (y: number, at: number, count: number) => y + 46 + (at - (count - 1) / 2) * 15;

/** On a screen a Chinese character is as wide as two others. */
function widthOf(text: string): number {
  return CHARACTER * [...text].reduce((sum, character) => sum + (character > '\u2e7f' ? 2 : 1), 0);
}

const round = (value: number) => Math.round(value * 10) / 10;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
