"""What a person reads out of written Mandarin."""

import pytest

from services.tts.normalize import zh

READ = [
    ("您的订单FD-20418已发货。", "您的订单 F D，二零四幺八，已发货。"),
    ("订单FD-20418。", "订单 F D，二零四幺八。"),
    ("验证码是4471，请保密。", "验证码是，四四七幺，请保密。"),
    ("订单号20418", "订单号二零四幺八"),
    ("验证码：4471。", "验证码：四四七幺。"),
    ("金额¥1,299.50。", "金额一千二百九十九元五角。"),
    ("39.9元", "三十九元九角"),
    ("¥0.05", "五分"),
    ("¥10.05", "十元零五分"),
    ("¥2", "两元"),
    ("$20", "二十美元"),
    ("200元", "两百元"),
    ("2000元", "两千元"),
    ("12元", "十二元"),
    ("20000人", "两万人"),
    ("2026年3月5日", "二零二六年三月五日"),
    ("2026-03-05", "二零二六年三月五日"),
    ("2年内", "两年内"),
    ("15:30", "十五点三十分"),
    ("9:00", "九点整"),
    ("10:05", "十点零五分"),
    ("50%", "百分之五十"),
    ("2.5%", "百分之二点五"),
    ("3/4", "四分之三"),
    ("3-5个工作日", "三到五个工作日"),
    ("2个小时", "两个小时"),
    ("第2步", "第二步"),
    ("102个", "一百零二个"),
    ("-5℃", "零下五摄氏度"),
    ("2.4GHz", "二点四吉赫兹"),
    ("500g", "五百克"),
    ("请拨打400-820-8820", "请拨打四零零，八二零，八八二零"),
    ("手机13812345678", "手机幺三八，幺二三四，五六七八"),
    ("邮箱help@shop.com", "邮箱help 艾特 shop 点 com"),
    ("请打开 Wi-Fi 设置", "请打开 Wi-Fi 设置"),
    ("２０件", "二十件"),
    ("好的😀！", "好的！"),
    ("**请**稍等", "请 稍等"),
]


@pytest.mark.parametrize(("written", "read"), READ)
def test_is_read_as_a_person_would(written: str, read: str) -> None:
    assert zh.spoken(written) == read


@pytest.mark.parametrize("written", [written for written, _ in READ])
def test_no_digit_is_left_to_the_engine(written: str) -> None:
    assert not any(character.isdigit() for character in zh.spoken(written))


@pytest.mark.parametrize("read", [read for _, read in READ])
def test_words_stay_as_they_are(read: str) -> None:
    assert zh.spoken(read) == read
