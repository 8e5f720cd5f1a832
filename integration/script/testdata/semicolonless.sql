SELECT 1
-- a comment at the end
  -- another

