import type { OperatorSpec, SinkSpec } from '../contract/component.js';
import type { Shape } from '../contract/item.js';

/** What stands under a shape, for people. */
const WORDS: Readonly<Record<Shape, string>> = {
  message: 'a message as a peer sent it',
  record: 'a plain record',
  bytes: 'ordered record bytes',
  text: 'a text file',
  album: 'the pictures of an album',
  file: 'a packed file',
};

export const shapeWords = (shapes: readonly Shape[]): string => shapes.map((shape) => WORDS[shape]).join(' or ');

/** A link of the chain that does not fit the one before it. */
export interface Misfit {
  /** Its index among operators and sink: the sink is last. */
  index: number;
  message: string;
}

/**
 * Follows the shape of items from the source to the sink.
 * @param links operators and sink; undefined where a component is unknown, which has been told already
 */
export function misfits(
  source: { name: string; gives: Shape } | undefined,
  links: readonly (OperatorSpec | SinkSpec | undefined)[],
  operators: readonly OperatorSpec[],
): Misfit[] {
  const found: Misfit[] = [];
  let giver = source?.name ?? '';
  let shape = source?.gives;
  for (const [index, link] of links.entries()) {
    if (link && shape && !link.takes.includes(shape)) {
      found.push({ index, message: misfit(link, giver, shape, operators) });
    }
    // After a misfit the chain is followed as if the link had got what it takes, so that one slip is told once.
    if (!link) shape = undefined;
    else if (link.role === 'operator')
      shape = link.gives !== 'same' ? link.gives : shape && link.takes.includes(shape) ? shape : link.takes[0];
    giver = link?.name ?? '';
  }
  return found;
}

function misfit(
  link: OperatorSpec | SinkSpec,
  giver: string,
  shape: Shape,
  operators: readonly OperatorSpec[],
): string {
  const between = bridge(shape, link.takes, operators);
  const remedy = between ? `; put ${between.join(' and ')} before ${link.name}` : '';
  return `${link.name} takes ${shapeWords(link.takes)}, but ${giver} gives ${WORDS[shape]}${remedy}`;
}

/** The fewest operators, two at most, that lead from one shape to another. */
function bridge(from: Shape, to: readonly Shape[], operators: readonly OperatorSpec[]): string[] | undefined {
  const steps = operators.filter((operator) => operator.gives !== 'same' && !operator.takes.includes(operator.gives));
  const leads = (operator: OperatorSpec) => operator.gives !== 'same' && to.includes(operator.gives);
  const first = steps.filter((operator) => operator.takes.includes(from));
  const single = first.find(leads);
  if (single) return [single.name];
  for (const one of first) {
    const second = steps.find((operator) => leads(operator) && operator.takes.includes(one.gives as Shape));
    if (second) return [one.name, second.name];
  }
  return undefined;
}
