"""Start everything on one machine: servers, preparation, web, worker and clock under one supervisor."""
