/** The template uses a variable or attribute that is not there. The message is Jinja2's. */
export class UndefinedUsed extends Error {
  override readonly name = 'UndefinedUsed';
}

/** The template asks for something that fails in Jinja2 too. */
export class TemplateFault extends Error {
  override readonly name = 'TemplateFault';
}

/** Correct for Jinja2, as far as this engine can tell, but not known here: the real Jinja2 must decide. */
export class EngineCannot extends Error {
  override readonly name = 'EngineCannot';
}
