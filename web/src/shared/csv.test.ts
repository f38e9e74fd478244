import { describe, expect, test } from 'vitest';
import { cell, csv } from './csv';

describe('a cell', () => {
  test.each([
    ['Ann Lee', 'Ann Lee'],
    ['', ''],
    ['a = b', 'a = b'],
    ['=1+1', "'=1+1"],
    ['+49 30', "'+49 30"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', '"\'\r=1"'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['=HYPERLINK("http://evil.example","x")', '"\'=HYPERLINK(""http://evil.example"",""x"")"'],
    ['مها', 'مها'],
  ])('%j is written as %j', (value, written) => expect(cell(value)).toBe(written));
});

test('a table has a line for each row', () => {
  expect(csv([['a', 'b'], ['=c', 'd,e']])).toBe('a,b\r\n\'=c,"d,e"\r\n');
});
