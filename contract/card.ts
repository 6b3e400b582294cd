import type { JsonObject, Tags } from './tags.js';

/** `registration`: what a car maker reported of a card (table 8). `card`: what the operator knows of it (table 12). */
export type CardSide = 'registration' | 'card';

export interface CardContent {
  fields: JsonObject;
  tags: Tags;
  /** A digest of certificate type and number: who holds the card. Registration side only. */
  person?: string;
  /** Registration side only: those before this one that still wait for card data as it does, oldest first. */
  earlier?: readonly CardContent[];
}

export interface CardState {
  iccid: string;
  registration?: CardContent & { updatedAt: number };
  card?: CardContent & { updatedAt: number };
}

/** Cards with an ICCID above `afterIccid`, in that order, at most `limit`. */
export interface CardFilter {
  /** Only those without a registration (article 14). */
  unregistered?: boolean;
  afterIccid?: string;
  limit: number;
}
