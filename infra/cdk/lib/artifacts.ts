/**
 * Where the built functions and the compiled playbook are.
 *
 * Builds nothing. What is missing, or built for another processor, is refused with the command that makes it; only a synthesis
 * that is not meant to be deployed may ask for placeholders.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';

/** A context key (`cdk synth -c perennial:placeholders=true`): what is not built, or for another processor, is replaced by a file that says so. */
export const PLACEHOLDERS = 'perennial:placeholders';

/** The program of a function, as the template names it. */
export interface Program {
  /** Logical id, which is the folder's name after `sam build`. */
  readonly logicalId: string;
  /** The binary's name, which is the folder's name after `cargo lambda build`. */
  readonly binary: string;
}

/** A folder that becomes an asset, and whether it is only a placeholder. */
export interface Artifact {
  readonly folder: string;
  readonly placeholder: boolean;
}

/** Where things are searched for, and what for. */
export interface Search {
  readonly checkout: string;
  readonly functions: string;
  readonly playbook: string;
  readonly architecture: string;
  readonly placeholders: boolean;
}

// Bytes 18 and 19 of an ELF file name the processor.
const MACHINES: Record<string, number> = { x86_64: 0x3e, arm64: 0xb7 };
const MACHINE_AT = 18;

/** The checkout that this package lies in, or undefined where it was copied out of one. */
export function surroundingCheckout(): string | undefined {
  for (let folder = __dirname; ; folder = path.dirname(folder)) {
    if (fs.existsSync(templateOf(folder))) {
      return folder;
    }
    if (folder === path.dirname(folder)) {
      return undefined;
    }
  }
}

/** The canonical template of a checkout. */
export function templateOf(checkout: string): string {
  return path.join(checkout, 'infra', 'sam', 'template.yaml');
}

/** The folder with the function's `bootstrap`. Throws if there is none, or one for another processor. */
export function functionFolder({ logicalId, binary }: Program, search: Search): Artifact {
  const candidates = [binary, logicalId].map((name) => path.join(search.functions, name));
  const folder = candidates.find((candidate) => fs.existsSync(path.join(candidate, 'bootstrap')));
  if (folder === undefined) {
    const flag = search.architecture === 'arm64' ? '--arm64' : '--x86-64';
    return absent(search, `${binary} is not built: there is no ${path.join(candidates[0] ?? '', 'bootstrap')}. Run, in ${search.checkout}:
  AWS_LC_SYS_NO_JITTER_ENTROPY=1 cargo lambda build --release --locked ${flag} --workspace --exclude 'perennial*'`);
  }
  const machine = machineOf(path.join(folder, 'bootstrap'));
  if (machine !== MACHINES[search.architecture]) {
    return absent(search, `${path.join(folder, 'bootstrap')} is not built for ${search.architecture}: build it again, or set architecture`);
  }
  return { folder, placeholder: false };
}

/** The folder with `playbook.json`. Throws if there is none. */
export function playbookFolder(search: Search): Artifact {
  if (!fs.existsSync(path.join(search.playbook, 'playbook.json'))) {
    return absent(search, `the playbook is not compiled: there is no ${path.join(search.playbook, 'playbook.json')}. Run, in ${search.checkout}:
  cargo run -- playbook build`);
  }
  return { folder: search.playbook, placeholder: false };
}

function absent(search: Search, why: string): Artifact {
  if (!search.placeholders) {
    throw new Error(why);
  }
  // The folder's name is fixed from dist/lib, which is where this file runs.
  return { folder: path.join(__dirname, '..', '..', 'placeholder'), placeholder: true };
}

function machineOf(file: string): number | undefined {
  const head = Buffer.alloc(MACHINE_AT + 2);
  const descriptor = fs.openSync(file, 'r');
  try {
    const length = fs.readSync(descriptor, head, 0, head.length, 0);
    return length === head.length && head.toString('latin1', 1, 4) === 'ELF' ? head.readUInt16LE(MACHINE_AT) : undefined;
  } finally {
    fs.closeSync(descriptor);
  }
}
