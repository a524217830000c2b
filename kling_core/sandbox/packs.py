"""What `/account/costs` answers."""

from __future__ import annotations

from kling_core.sandbox.shapes import Json, plain
from kling_core.sandbox.tasks import Account


def costs(account: Account, name: str | None) -> Json:
    """What `/account/costs` answers: one pack for videos, one for images."""
    packs: list[Json] = []
    for kind, product in (("video", "video"), ("image", "image")):
        total, remaining = account.totals[kind], account.balances[kind]
        limit = account.limits[product]
        month = 30 * 24 * 3600 * 1000
        now = account.now_ms()
        packs.append(
            {
                "resource_pack_name": f"Sandbox-{kind.title()}-{plain(total)}Units-{limit}Con",
                "resource_pack_id": f"sandbox-{kind}",
                "resource_pack_type": "decreasing_total",
                "total_quantity": float(total),
                "remaining_quantity": float(remaining),
                "purchase_time": now - month,
                "effective_time": now - month,
                "invalid_time": now + month,
                "status": "online" if remaining > 0 else "runOut",
            }
        )
    chosen = [pack for pack in packs if name in (None, "", pack["resource_pack_name"])]
    return {"code": 0, "msg": "SUCCEED", "resource_pack_subscribe_infos": chosen}
