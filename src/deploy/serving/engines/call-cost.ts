/**
 * What a call costs: a share for the call itself and one for each row, by a least-squares line through the last calls.
 * A call of one row and a call of a thousand tell apart what a mean per row would mix.
 */
export class CallCost {
  #weight = 0;
  #rows = 0;
  #rowsRows = 0;
  #ms = 0;
  #rowsMs = 0;

  /** @param ms what a call with so many rows took */
  add(rowCount: number, ms: number): void {
    // the last twenty calls or so count
    const keep = 0.95;
    this.#weight = this.#weight * keep + 1;
    this.#rows = this.#rows * keep + rowCount;
    this.#rowsRows = this.#rowsRows * keep + rowCount * rowCount;
    this.#ms = this.#ms * keep + ms;
    this.#rowsMs = this.#rowsMs * keep + rowCount * ms;
  }

  /** ms that so many rows in so many calls would take; 1 ms a call before anything is known */
  estimate(rowCount: number, callCount: number): number {
    const { msPerCall, msPerRow } = this.#line();
    return callCount * msPerCall + rowCount * msPerRow;
  }

  #line(): { msPerCall: number; msPerRow: number } {
    if (this.#weight === 0) return { msPerCall: 1, msPerRow: 0 };
    const spread = this.#weight * this.#rowsRows - this.#rows * this.#rows;
    const mean = this.#ms / this.#weight;
    if (spread <= 1e-9 * this.#rowsRows * this.#weight) return { msPerCall: mean, msPerRow: 0 };
    const msPerRow = (this.#weight * this.#rowsMs - this.#rows * this.#ms) / spread;
    if (msPerRow <= 0) return { msPerCall: mean, msPerRow: 0 };
    const msPerCall = mean - (msPerRow * this.#rows) / this.#weight;
    return msPerCall >= 0 ? { msPerCall, msPerRow } : { msPerCall: 0, msPerRow: this.#ms / this.#rows };
  }
}
