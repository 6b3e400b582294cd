import { componentDocs, componentsPage, componentTable } from '../engine/docs.js';
import { components } from '../engine/registry.js';
import { didYouMean } from '../engine/suggest.js';
import { type Command, complain, EXIT, print, printJson } from './command.js';

export const command: Command = {
  usage: 'list [COMPONENT] [--json | --markdown]',
  help: [
    'Lists every component, or shows the options and examples of those called COMPONENT.',
    '',
    '  --json       names, summaries and option schemas as JSON',
    '  --markdown   the whole reference as one page',
  ].join('\n'),
  options: { json: { type: 'boolean' }, markdown: { type: 'boolean' } },
  words: { '': [...new Set(components.map(({ name }) => name))] },
  positionalsMax: 1,
  async run({ values, positionals: [name] }) {
    const chosen = components.filter((spec) => name === undefined || spec.name === name);
    if (name !== undefined && chosen.length === 0) {
      const names = components.map((spec) => spec.name);
      complain(`iovpipe: expected a component, got ${JSON.stringify(name)}${didYouMean(name, names)}`);
      return EXIT.refused;
    }
    if (values.json) {
      printJson(
        chosen.map(({ role, name, summary, description, options }) => ({ role, name, summary, description, options })),
      );
    } else if (name !== undefined) print(chosen.map(componentDocs).join('\n'));
    else print(values.markdown ? componentsPage(chosen) : componentTable(chosen));
    return EXIT.done;
  },
};
