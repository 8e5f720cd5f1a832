SELECT sluice_feed.lease('{{name}}', '{{expiration}}');
