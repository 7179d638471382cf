-- Work for the SQLite shell: one round, some tens of milliseconds. Joins, groups, windows, text, JSON,
-- updates, recursion. It leaves nothing behind, so that it can be repeated.
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, price REAL, tag INTEGER);
CREATE TABLE sale(item INTEGER REFERENCES item(id), day INTEGER, amount INTEGER);
CREATE TABLE audit(what TEXT, count INTEGER);
CREATE TRIGGER seen AFTER INSERT ON sale WHEN new.amount > 95
  BEGIN INSERT INTO audit VALUES('large', new.amount); END;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
  INSERT INTO item SELECT i, printf('item-%05d-%x', i, i * 2654435761 % 65536), i * 0.25, i % 17 FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000)
  INSERT INTO sale SELECT 1 + i * 7919 % 600, i % 365, i * 31 % 100 FROM n;
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
UPDATE item SET price = price * 1.5 WHERE tag IN (SELECT tag FROM item GROUP BY tag HAVING count(*) > 35);
SELECT round(sum(price), 3) FROM item;
DELETE FROM sale WHERE rowid % 3 = 0;
SELECT count(DISTINCT item), min(day), max(day) FROM sale;
SELECT json_extract(json_group_array(json_object('id', id, 'n', name)), '$[41].n') FROM item;
SELECT count(*) FROM item AS a JOIN item AS b ON a.tag = b.tag AND a.id < b.id WHERE a.id < 300;
DROP TABLE sale; DROP TABLE item; DROP TABLE audit;
-- Fills a block of output, so that whoever reads it hears of every round.
SELECT printf('%.*c', 4096, '=');
