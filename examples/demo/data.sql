-- Some 10,000 rows, the same ones every time: everything follows from the row
-- number. No name, address or token belongs to anybody.

INSERT INTO public.users (id, email, display_name, country, created_at)
SELECT i,
       lower(first) || '.' || lower(last) || i || '@example.' || (ARRAY['com', 'net', 'org'])[1 + i % 3],
       first || ' ' || last,
       (ARRAY['US', 'DE', 'FR', 'CA', 'JP'])[1 + i % 5],
       timestamptz '2017-10-24 08:00:00+00' + i * interval '9 hours 17 minutes'
  FROM (SELECT i,
               (ARRAY['Ada', 'Ben', 'Chloe', 'Dev', 'Elif', 'Finn', 'Grace', 'Hugo', 'Ines', 'Jun'])[1 + i % 10] AS first,
               (ARRAY['Adams', 'Brandt', 'Costa', 'Dubois', 'Evans', 'Fischer', 'Garcia'])[1 + i % 7] AS last
          FROM generate_series(1, 2000) AS i) AS people;

INSERT INTO public.devices (id, user_id, model, nickname, wifi_ssid, last_seen)
SELECT i,
       1 + (i * 7) % 2000,
       (ARRAY['Cam v2', 'Cam Pan', 'Plug', 'Scale'])[1 + i % 4],
       (ARRAY['front door', 'nursery', 'kitchen', 'garage', 'bedroom'])[1 + i % 5],
       (ARRAY['FRITZ!Box', 'NETGEAR', 'Livebox', 'linksys', 'home'])[1 + i % 5] || '-' || upper(substr(md5('ssid' || i), 1, 4)),
       timestamptz '2019-12-04 06:00:00+00' - (i % 4000) * interval '3 minutes'
  FROM generate_series(1, 3200) AS i;

INSERT INTO public.api_tokens (id, user_id, platform, token, expires_at)
SELECT i, 1 + (i * 3) % 2000, (ARRAY['ios', 'android'])[1 + i % 2],
       'demo_' || md5('api token ' || i),
       timestamptz '2020-03-01 00:00:00+00' + i * interval '1 hour'
  FROM generate_series(1, 1200) AS i;

INSERT INTO public.alexa_integrations (user_id, access_token, refresh_token, linked_at)
SELECT i, 'demo_access_' || md5('alexa ' || i), 'demo_refresh_' || md5('alexa refresh ' || i),
       timestamptz '2019-01-01 00:00:00+00' + i * interval '5 hours'
  FROM generate_series(1, 700) AS i;

INSERT INTO public.health_profiles (user_id, birth_year, height_cm, weight_kg, bone_mass_kg, protein_g_day)
SELECT i * 3, 1950 + i % 52, 150 + (i * 11) % 50, 48 + (i * 13) % 500 / 10.0, 2 + (i * 17) % 180 / 100.0, 40 + (i * 19) % 80
  FROM generate_series(1, 600) AS i;

INSERT INTO public.products (id, sku, name, price_cents)
SELECT i, 'SKU-' || lpad(i::text, 4, '0'),
       (ARRAY['Cam v2', 'Cam Pan', 'Plug', 'Scale', 'Contact sensor', 'Motion sensor', 'Bulb', 'Mount'])[1 + i % 8]
           || (ARRAY['', ' (two-pack)', ' (black)', ' (refurbished)', ' (outdoor)'])[1 + (i - 1) / 8],
       799 + (i * 613) % 9000
  FROM generate_series(1, 40) AS i;

INSERT INTO public.orders (id, user_id, product_id, quantity, status, placed_at)
SELECT i, 1 + (i * 11) % 2000, 1 + (i * 7) % 40, 1 + i % 3,
       (ARRAY['placed', 'paid', 'shipped', 'shipped', 'shipped', 'returned']::public.order_status[])[1 + i % 6],
       timestamptz '2019-06-01 00:00:00+00' + i * interval '79 minutes'
  FROM generate_series(1, 3000) AS i;

SELECT setval('public.users_id_seq', 2000), setval('public.devices_id_seq', 3200),
       setval('public.api_tokens_id_seq', 1200), setval('public.orders_id_seq', 3000);

ANALYZE;
