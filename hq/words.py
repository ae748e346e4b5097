"""What people read at HQ, in Vietnamese and English. A rule only suspects, and every wording says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language.

    Attributes:
        rules: by rule id, what is suspected.
        unknown_rule: for a rule this program does not know; ``{rule}`` is its id.
        labels: by class label.
        severities: by severity.
        kinds: patterns for events of a camera, a box or a test, by event kind.
        ailments: by state of a camera's picture, what is said when it begins; ``other`` for one not known here.
        ailing: the same in few words, for when it ends.
        restored: by the reason, what is said when a state ends.
        paces: patterns for a box that looks less often, or more often again, by cause.
        pace_least: what follows them while it looks less often than normal: no camera is slowed below that.
        open: pattern of a new incident.
        reopen: pattern of one that goes on after a short absence.
        update: pattern of a revised one.
        end: pattern of an ended one.
        preexisting: remark when the object was there before the camera began to see.
        quiet: remark when the same place was alerted shortly before.
        approximate: remark when the box's clock was not set.
        unverified: remark when no key of the box is registered.
        picture: pattern of the line that tells where a picture was filed.
        unproved: remark when no verified event here lists the picture.
        gone: pattern of the line that tells that a picture will not come.
        states: by box state, and ``silent`` and ``heard`` as judged by its reports.
        duration: patterns for seconds, minutes and hours.
    """

    rules: Mapping[str, str]
    unknown_rule: str
    labels: Mapping[str, str]
    severities: Mapping[str, str]
    kinds: Mapping[str, str]
    ailments: Mapping[str, str]
    ailing: Mapping[str, str]
    restored: Mapping[str, str]
    paces: Mapping[str, str]
    pace_least: str
    open: str
    reopen: str
    update: str
    end: str
    preexisting: str
    quiet: str
    approximate: str
    unverified: str
    picture: str
    unproved: str
    gone: str
    states: Mapping[str, str]
    duration: tuple[str, str, str]


VI = Words(
    rules={
        "stopped_vehicle": "nghi vấn dừng xe sai quy định",
        "parked_vehicle": "nghi vấn đỗ xe sai quy định",
        "intrusion": "nghi vấn xâm nhập khu vực cấm",
    },
    unknown_rule="nghi vấn sự việc ({rule})",
    labels={
        "person": "người",
        "car": "ô tô",
        "truck": "xe tải",
        "bus": "xe buýt",
        "motorcycle": "xe máy",
        "bicycle": "xe đạp",
    },
    severities={"info": "thông tin", "attention": "chú ý", "urgent": "khẩn"},
    kinds={
        "camera.lost": "Camera {camera} mất tín hiệu",
        "camera.back": "Camera {camera} có tín hiệu trở lại",
        "camera.recalibrated": "Camera {camera}: góc nhìn hiện tại đã được chấp nhận làm chuẩn",
        "test.alert": "Cảnh báo thử, không có sự việc",
    },
    ailments={
        "moved": "Camera {camera} bị lệch góc; các quy tắc theo vùng tạm dừng, cần hiệu chỉnh lại [{severity}]",
        "covered": "Camera {camera} bị che khuất [{severity}]",
        "blurred": "Hình ảnh camera {camera} bị mờ [{severity}]",
        "frozen": "Hình ảnh camera {camera} bị treo [{severity}]",
        "dark": "Hình ảnh camera {camera} quá tối [{severity}]",
        "glare": "Camera {camera} bị chói sáng [{severity}]",
        "other": "Camera {camera} gặp trạng thái {state} [{severity}]",
    },
    ailing={
        "moved": "bị lệch góc",
        "covered": "bị che khuất",
        "blurred": "hình ảnh bị mờ",
        "frozen": "hình ảnh bị treo",
        "dark": "hình ảnh quá tối",
        "glare": "bị chói sáng",
    },
    restored={
        "well": "Camera {camera} đã bình thường trở lại, không còn {state}, kéo dài {lasted}",
        "returned": "Camera {camera} đã trở lại góc cũ; các quy tắc theo vùng hoạt động lại",
        "recalibrated": "Camera {camera} đã được hiệu chỉnh lại; các quy tắc theo vùng hoạt động lại",
        "other": "Camera {camera}: không còn theo dõi trạng thái {state}",
    },
    paces={
        "heat": "hộp nóng, chỉ xem xét camera ở {share}% nhịp bình thường",
        "voltage": "điện áp nguồn của hộp quá thấp, chỉ xem xét camera ở {share}% nhịp bình thường",
        "current": "hộp dùng quá dòng của nguồn, chỉ xem xét camera ở {share}% nhịp bình thường",
        "recovered": "hộp đỡ nóng hoặc nguồn đã ổn, xem xét camera ở {share}% nhịp bình thường",
    },
    pace_least=", nhưng không dưới một ảnh mỗi giây",
    open="{what}: {label} đã {dwell} tại {zone}, camera {camera}, từ {begin} [{severity}]",
    reopen="Tiếp diễn {what}: {label} tại {zone}, camera {camera}, từ {begin} [{severity}]",
    update="Cập nhật {what}: {label} đã {dwell} tại {zone}, camera {camera} [{severity}]",
    end="Đã kết thúc {what}: {label} tại {zone}, camera {camera}, kéo dài {dwell}",
    preexisting="đã có từ trước khi camera bắt đầu quan sát",
    quiet="vừa cảnh báo tại chỗ này",
    approximate="giờ gần đúng: đồng hồ của hộp chưa được đặt",
    unverified="chữ ký chưa kiểm tra: chưa đăng ký khóa",
    picture="ảnh: {path}",
    unproved="chưa kiểm tra",
    gone="không có ảnh: {reason}",
    states={
        "online": "đã kết nối",
        "offline": "mất kết nối",
        "stopped": "đã dừng",
        "silent": "không có tin từ {age}",
        "heard": "đã có tin trở lại",
    },
    duration=("{s} giây", "{m} phút {s} giây", "{h} giờ {m} phút"),
)

EN = Words(
    rules={
        "stopped_vehicle": "suspected improper stopping",
        "parked_vehicle": "suspected improper parking",
        "intrusion": "suspected intrusion into a restricted area",
    },
    unknown_rule="suspected incident ({rule})",
    labels={},
    severities={"info": "info", "attention": "attention", "urgent": "urgent"},
    kinds={
        "camera.lost": "Camera {camera} gives no picture",
        "camera.back": "Camera {camera} gives pictures again",
        "camera.recalibrated": "Camera {camera}: its present view was accepted as the reference",
        "test.alert": "Test alert, no incident",
    },
    ailments={
        "moved": "Camera {camera} was moved; zone rules pause until it is recalibrated [{severity}]",
        "covered": "Camera {camera} is covered [{severity}]",
        "blurred": "The picture of camera {camera} is blurred [{severity}]",
        "frozen": "The picture of camera {camera} is frozen [{severity}]",
        "dark": "The picture of camera {camera} is too dark [{severity}]",
        "glare": "Camera {camera} is dazzled [{severity}]",
        "other": "Camera {camera} is in the state {state} [{severity}]",
    },
    ailing={
        "moved": "moved",
        "covered": "covered",
        "blurred": "blurred",
        "frozen": "frozen",
        "dark": "too dark",
        "glare": "dazzled",
    },
    restored={
        "well": "Camera {camera} is well again, no longer {state}, lasted {lasted}",
        "returned": "Camera {camera} is back at its old view; zone rules work again",
        "recalibrated": "Camera {camera} was recalibrated; zone rules work again",
        "other": "Camera {camera}: the state {state} is no longer looked for",
    },
    paces={
        "heat": "the box is hot and examines cameras at {share}% of their normal rate",
        "voltage": "the box's supply voltage is too low, cameras are examined at {share}% of their normal rate",
        "current": "the box draws more than its supply gives, cameras are examined at {share}% of their normal rate",
        "recovered": "heat or supply is better, cameras are examined at {share}% of their normal rate",
    },
    pace_least=", but no less than once a second",
    open="{what}: {label} for {dwell} in {zone}, camera {camera}, since {begin} [{severity}]",
    reopen="Continued {what}: {label} in {zone}, camera {camera}, since {begin} [{severity}]",
    update="Update of {what}: {label} for {dwell} in {zone}, camera {camera} [{severity}]",
    end="Ended {what}: {label} in {zone}, camera {camera}, lasted {dwell}",
    preexisting="there before the camera began to see",
    quiet="this place was alerted shortly before",
    approximate="time approximate: the box's clock was not set",
    unverified="signature not checked: no key registered",
    picture="picture: {path}",
    unproved="unverified",
    gone="no picture: {reason}",
    states={
        "online": "connected",
        "offline": "connection lost",
        "stopped": "stopped",
        "silent": "nothing heard for {age}",
        "heard": "heard again",
    },
    duration=("{s} s", "{m} min {s} s", "{h} h {m} min"),
)

LANGUAGES = {"vi": VI, "en": EN}
