-- Work for the SQLite shell: tables, indexes, joins, triggers, recursion, windows, text and JSON.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, tag INTEGER);
CREATE TABLE sale(item INTEGER REFERENCES item(id), day INTEGER, amount INTEGER);
CREATE TABLE audit(what TEXT, count INTEGER);
CREATE TRIGGER seen AFTER INSERT ON sale WHEN new.amount > 95
  BEGIN INSERT INTO audit VALUES('large', new.amount); END;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
  INSERT INTO item SELECT i, printf('item-%05d-%x', i, i * 2654435761 % 65536), i * 0.25, i % 17 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
  INSERT INTO sale SELECT 1 + i * 7919 % 4000, i % 365, i * 31 % 100 FROM n;
CREATE INDEX sale_item ON sale(item, day);
SELECT count(*), sum(amount), avg(amount) FROM sale;
SELECT tag, count(*), round(sum(price * amount), 2) FROM item JOIN sale ON sale.item = item.id
  GROUP BY tag ORDER BY tag;
SELECT name, total FROM (SELECT item, sum(amount) AS total FROM sale GROUP BY item) AS t
  JOIN item ON item.id = t.item ORDER BY total DESC, name LIMIT 10;
SELECT day, amount, sum(amount) OVER (ORDER BY day, item ROWS 3 PRECEDING) FROM sale
  WHERE item = 77 ORDER BY day LIMIT 10;
SELECT count(*) FROM item WHERE name LIKE '%a-f%' OR name GLOB 'item-0?1*';
SELECT sum(length(replace(upper(name), 'ITEM', 'x'))), max(substr(name, 6)) FROM item;
SELECT what, count(*), sum(count) FROM audit GROUP BY what;
UPDATE item SET price = price * 1.5 WHERE tag IN (SELECT tag FROM item GROUP BY tag HAVING count(*) > 235);
SELECT round(sum(price), 3) FROM item;
DELETE FROM sale WHERE rowid % 3 = 0;
SELECT count(DISTINCT item), min(day), max(day) FROM sale;
WITH RECURSIVE
  x(v) AS (VALUES(-2.0) UNION ALL SELECT v + 0.1 FROM x WHERE v < 1.2),
  y(v) AS (VALUES(-1.0) UNION ALL SELECT v + 0.15 FROM y WHERE v < 1.0),
  m(i, cx, cy, x, y) AS (
    SELECT 0, x.v, y.v, 0.0, 0.0 FROM x, y
    UNION ALL SELECT i + 1, cx, cy, x * x - y * y + cx, 2.0 * x * y + cy FROM m
      WHERE x * x + y * y < 4.0 AND i < 20)
  SELECT count(*), sum(i) FROM m;
SELECT json_extract(json_group_array(json_object('id', id, 'n', name)), '$[41].n') FROM item;
SELECT count(*) FROM item AS a JOIN item AS b ON a.tag = b.tag AND a.id < b.id WHERE a.id < 300;
SAVEPOINT here; DELETE FROM item; SELECT count(*) FROM item; ROLLBACK TO here; RELEASE here;
SELECT count(*), hex(substr(quote(name), 1, 8)) FROM item WHERE id = 9;
PRAGMA integrity_check;
VACUUM;
SELECT abs(-9223372036854775808 + 1), 7 / 2, 7.0 / 2, 1e308 * 10, typeof(1 + 'a'), 5 % 3;
