/** What suggests that a column holds personal data; a person has to confirm it. */
export interface Suspicion {
  readonly kind: string;
  /** pii, or special-category for what the law protects more */
  readonly classification: 'pii' | 'special-category';
  /** in words */
  readonly reason: string;
}

/** Values that look like personal data, as expressions that both engines read; `share` of the values must match. */
export const personalPatterns = [
  { kind: 'e-mail address', pattern: String.raw`^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$`, share: 0.5 },
  { kind: 'IBAN', pattern: '^[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){2,7}( ?[A-Z0-9]{1,3})?$', share: 0.5 },
  {
    kind: 'telephone number',
    pattern: String.raw`^(\+[0-9]{1,3}[ ./-]?|00[0-9]{1,3}[ ./-]?|\(?0[0-9]{1,4}\)?[ ./-])[0-9][0-9 ./-]{4,14}[0-9]$`,
    share: 0.8,
  },
  { kind: 'IP address', pattern: '^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])([.]|$)){4}$', share: 0.8 },
] as const;

const names: readonly (readonly [RegExp, string, Suspicion['classification']])[] = [
  [
    /^(first|last|sur|given|family|full|maiden|middle|user|customer|patient|employee|person)_?name$|^(vor|nach|familien)name$|^name$/,
    'name of a person',
    'pii',
  ],
  [/e_?mail/, 'e-mail address', 'pii'],
  [/(^|_)(tele)?phone|mobile_?(number|nr)?$|telefon/, 'telephone number', 'pii'],
  [/(^|_)iban($|_)|account_?(number|nr|no)$|credit_?card/, 'bank account', 'pii'],
  [
    /(^|_)(ssn|social_security|passport|national_id|tax_id|driving_licen[cs]e)/,
    'number of an identity paper',
    'pii',
  ],
  [/(^|_)(street|address|postal_?code|zip_?code|postcode)($|_)/, 'address', 'pii'],
  [/(^|_)(birth_?(date|day)|date_of_birth|dob)($|_)/, 'date of birth', 'pii'],
  [/(^|_)(ip|ip_address|device_id|imei|mac_address)$/, 'address of a device', 'pii'],
  [
    /(^|_)(religion|ethnicity|race|sexual_orientation|political|union_member|diagnosis|disease|medication|genetic|biometric|disability)($|_)/,
    'special category of personal data',
    'special-category',
  ],
];

/**
 * What a column looks like by its name and its values.
 *
 * @param shares of its values that match each of `personalPatterns`, 0..1, in their order
 */
export function suspect(column: string, shares: readonly number[]): Suspicion | undefined {
  const plain = column
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[\s-]+/g, '_');
  const named = names.find(([pattern]) => pattern.test(plain));
  if (named !== undefined) {
    return { kind: named[1], classification: named[2], reason: `its name suggests: ${named[1]}` };
  }
  const at = personalPatterns.findIndex(({ share }, index) => (shares[index] ?? 0) >= share);
  const found = personalPatterns[at];
  if (found === undefined) return undefined;
  const percent = Math.round((shares[at] ?? 0) * 100);
  return {
    kind: found.kind,
    classification: 'pii',
    reason: `${percent} % of its values look like: ${found.kind}`,
  };
}
