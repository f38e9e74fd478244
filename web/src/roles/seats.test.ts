import { describe, expect, test } from 'vitest';
import { seatForecast } from './seats';

const holders = { active: 3, pending: 1, available: 5 };

describe('what becomes of the seats', () => {
  test('nothing, when the role stays as it is or nobody has it', () => {
    expect(seatForecast(true, true, holders)).toBeUndefined();
    expect(seatForecast(false, false, holders)).toBeUndefined();
    expect(seatForecast(false, true, { active: 0, pending: 0, available: 5 })).toBeUndefined();
  });

  test.each([
    [true, false, holders, '4 active or pending people give back a CSM seat each.', true],
    [true, false, { active: 1, pending: 0, available: 0 }, '1 active or pending person gives back a CSM seat.', true],
    [false, true, holders, '4 active or pending people take a CSM seat each. 5 are free.', true],
    [false, true, { ...holders, available: 4 }, '4 active or pending people take a CSM seat each. 4 are free.', true],
    [
      false,
      true,
      { ...holders, available: 1 },
      '4 active or pending people take a CSM seat each. 1 is free, so nothing would be changed: raise the seat limit, or free seats first.',
      false,
    ],
    [
      false,
      true,
      { ...holders, available: 0 },
      '4 active or pending people take a CSM seat each. None is free, so nothing would be changed: raise the seat limit, or free seats first.',
      false,
    ],
  ])('took one: %s, takes one: %s, %j', (took, takes, holders, text, enough) => {
    expect(seatForecast(took, takes, holders)).toEqual({ text, enough });
  });
});
