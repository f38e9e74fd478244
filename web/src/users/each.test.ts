import { expect, test } from 'vitest';
import { forEach } from './each';

const hundred = Array.from({ length: 100 }, (_, i) => i);
const soon = () => new Promise<void>((resolve) => setTimeout(resolve));

test('each is done once, in order, a few at a time', async () => {
  const begun: number[] = [];
  let atOnce = 0;
  let most = 0;
  await forEach(hundred, () => true, async (one) => {
    begun.push(one);
    most = Math.max(most, ++atOnce);
    await soon();
    atOnce--;
  });
  expect(begun).toEqual(hundred);
  expect(most).toBe(4);
});

test('nobody is begun with once it is stopped, and who was begun with is waited for', async () => {
  const ended: number[] = [];
  let goesOn = true;
  await forEach(hundred, () => goesOn, async (one) => {
    await soon();
    if (one === 9) goesOn = false;
    ended.push(one);
  });
  expect(ended.length).toBeGreaterThanOrEqual(10);
  expect(ended.length).toBeLessThan(14);
  expect(ended).toEqual(hundred.slice(0, ended.length));
});

test('what fails ends all, and is told', async () => {
  await expect(forEach(hundred, () => true, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

test('nobody is nothing to do', () => expect(forEach([], () => true, soon)).resolves.toBeUndefined());
