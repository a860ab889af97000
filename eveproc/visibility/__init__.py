"""Logs + SiteProfile -> would a mass mailer be seen at this site?"""
