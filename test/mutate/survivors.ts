// The mistakes that no test notices, each with the reason why it does no harm: `survivors.json`.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Mutant } from './mutants.ts'

export interface Argued {
  readonly file: string
  /** The function that the mistake is in; '' outside of any. */
  readonly in: string
  readonly mistake: string
  /** Why it does no harm. */
  readonly why: string
}

export interface Candidate extends Mutant {
  readonly file: string
}

export function readArgued(): readonly Argued[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'survivors.json'), 'utf8')) as Argued[]
}

export function isArgued(argued: readonly Argued[], mutant: Candidate): boolean {
  return argued.some(entry => isOf(entry, mutant))
}

/** The entries that speak of code that is not there any more. */
export function outdated(argued: readonly Argued[], all: readonly Candidate[]): Argued[] {
  return argued.filter(entry => !all.some(mutant => isOf(entry, mutant)))
}

function isOf(entry: Argued, mutant: Candidate): boolean {
  return entry.file === mutant.file && entry.in === mutant.in && entry.mistake === mutant.what
}
